"""What the people of the synthetic retail world do on one day, as touchpoints.

Rules: one function per journey, each told who; what the ledger records is all it leaves behind. Shares are guesses at
a Chinese cosmetics retailer, chosen so that identifiers meet in many small overlaps rather than always beside the
phone number. Knows nothing of how IDWeave resolves.
"""

from typing import Final

from stream.demo.ledger import DAY_S, Ledger, Mention
from stream.demo.people import Hold, Person, Store, randomised_mac
from stream.demo.tables import CAMPAIGNS, CARRIERS, PAGES, PRODUCTS, SCENES, SERVICES, SKINS

OPEN_S: Final = 10 * 3600  # stores open from ten to ten
OPEN_FOR_S: Final = 12 * 3600
FIRST_FILE_DAY: Final = 6  # late files reach back this many days


def live_day(day: Ledger, person: Person) -> None:
    """Everything one person does, the registrations of earlier days included."""
    if person.guest:
        _browse(day, person, _online_s(day))
        _visit(day, person, day.stores[person.store])
        return
    _join(day, person)
    _bind(day, person)
    if day.chance(0.8):
        _visit(day, person, day.stores[person.store])
    if person.openids and day.chance(0.8):
        _chat(day, person)
    if (person.login or person.cookie) and day.chance(0.65):
        _shop_online(day, person)


def pass_tablet(day: Ledger, person: Person, store: Store) -> None:
    """A member shows a card, or types a phone number, at the tablet by the store's door."""
    owned = card(day, person) or phone(day, person)
    if not owned:
        return
    tablet = [Mention("cookie", store.tablet_cookie, f"cookie:{store.tablet_cookie}"), day.mac(store.tablet_mac)]
    at_s = _open_s(day)
    if day.rng.getrandbits(1):
        day.say(at_s, "survey.completed", owned[:1] + tablet, answers={"skin": day.rng.choice(SKINS)}, store=store.code)
    else:
        day.say(at_s, "store.visited", owned[:1] + tablet, store=store.code, channel="offline", counters={"visits": 1})
    if day.chance(0.1):
        day.say(at_s + 60, "page.viewed", tablet, page="/stores", store=store.code)


def phone(day: Ledger, person: Person, *, registering: bool = False) -> list[Mention]:
    """The number this person gives: at registration any, later their own, seldom the household's."""
    if person.phone and (registering or person.hold is Hold.OWN or (person.hold is Hold.SHARED and day.chance(0.03))):
        return [day.phone(person.phone)]
    return []


def card(day: Ledger, person: Person) -> list[Mention]:
    """The cards a person has, the e-card first."""
    have = [day.scoped("card", "main", person.ecard)] if person.ecard else []
    if person.plastic and not person.replaced:
        have.append(day.scoped("card", "plastic", person.plastic))
    return have


def openid(day: Ledger, person: Person, which: int = 0) -> list[Mention]:
    """One of the person's openids; with the unionid, where the gateway knows it, two times in three."""
    if not person.openids:
        return []
    account, value = person.openids[which]
    have = [day.scoped("openid", account, value)]
    if person.unionid and day.chance(0.66):
        have.append(day.scoped("unionid", "main", person.unionid))
    return have


def login(day: Ledger, person: Person) -> list[Mention]:
    """The marketplace account."""
    return [day.scoped("login", *person.login)] if person.login else []


def email(day: Ledger, person: Person) -> list[Mention]:
    """The address, when there is one."""
    return [day.email(person.email)] if person.email else []


def cookie(person: Person) -> list[Mention]:
    """The browser."""
    return [Mention("cookie", person.cookie, f"cookie:{person.cookie}")] if person.cookie else []


def device(day: Ledger, person: Person) -> list[Mention]:
    """The phone on the Wi-Fi: a new address at each visit when it randomises."""
    if person.randomised:
        digits = randomised_mac(day.rng)
        mention = day.mac(digits)
        day.owners.setdefault(mention.canonical, person.name)
        return [mention]
    return [day.mac(person.mac)] if person.mac else []


def _online_s(day: Ledger) -> float:
    """A moment from seven in the morning to midnight, the evening the busiest."""
    return day.rng.triangular(7 * 3600, DAY_S - 60, 20 * 3600)


def _open_s(day: Ledger) -> float:
    return OPEN_S + day.rng.random() * OPEN_FOR_S


def _earlier_s(day: Ledger) -> float:
    """A moment on one of the days that the late files cover, but the first."""
    return -day.rng.random() * (FIRST_FILE_DAY - 1) * DAY_S


def _join(day: Ledger, person: Person) -> None:
    """The registration: of a legacy member in a file, of another earlier in the week or today."""
    store = day.stores[person.store]
    traits = {"name": person.full_name, "city": store.city, "language": "zh-CN"}
    traits |= {"gender": day.rng.choice(("female", "female", "male"))} if day.chance(0.7) else {}
    month, date = 1 + day.rng.randrange(12), 1 + day.rng.randrange(28)
    traits |= {"birthday": f"{1960 + day.rng.randrange(45)}-{month:02d}-{date:02d}"} if day.chance(0.5) else {}
    held = card(day, person)[:1] + phone(day, person, registering=True)
    if person.email and day.chance(0.5):
        held += email(day, person)
    earlier = person.hold is not Hold.OWN or day.chance(0.6)
    at_s = _earlier_s(day) if earlier else _open_s(day)
    if person.hold is not Hold.OWN:  # on the first day: the number's subscriber, or its next holder, gave it later
        at_s = -DAY_S * (FIRST_FILE_DAY - day.rng.random())
    if not held:
        return
    if earlier and day.chance(0.5):
        day.say(at_s, "member.legacy", held, traits=traits, channel="legacy")
    else:
        consents = {"marketing": day.chance(0.8), "sms": day.chance(0.6)}
        held += openid(day, person) if day.chance(0.3) else []
        first = {"first_store": store.code}
        day.say(at_s, "member.register", held, traits=traits, traits_once=first, consents=consents, store=store.code)
        day.say(at_s + 2, "points.earned", held[:1], points=50, kind="benefit")
    if person.typo and len(held) > 1:
        wrong = [day.phone(person.typo)]
        day.say(at_s + 30, "member.update", card(day, person)[:1] + (openid(day, person) or held[:1]) + wrong)


def _bind(day: Ledger, person: Person) -> None:
    """The moments at which a person's identifiers meet, in pairs."""
    store = day.stores[person.store]
    at_s = _earlier_s(day) if day.chance(0.3) else _online_s(day)
    held = card(day, person)
    if held and person.openids:
        staff = [Mention("cookie", store.staff_cookie, f"cookie:{store.staff_cookie}")] if day.chance(0.5) else []
        kind = "card.bind" if day.chance(0.5) else "card.claim"
        day.say(
            at_s, kind, held[:1] + openid(day, person) + staff, store=store.code, campaign=day.rng.choice(CAMPAIGNS)
        )
    elif person.openids and (known := phone(day, person, registering=True)):
        day.say(at_s, "member.update", known + openid(day, person), traits={"wechat": True})
    for which in range(1, len(person.openids)):
        anchor = held[:1] or phone(day, person)
        day.say(at_s + 100 * which, "card.bind" if held else "member.update", anchor + openid(day, person, which))
    if len(held) > 1:
        day.say(at_s + 400, "identity.link", held)
    if person.replaced and person.plastic and held:
        old = day.scoped("card", "main", person.plastic)
        day.say(at_s - 900, "card.bind", [old, *openid(day, person)[:1]])
        day.say(at_s + 500, "card.replaced", held[:1], replaces=old.raw)
    if person.login:
        anchor = phone(day, person) or email(day, person) or held[:1]
        day.say(at_s + 600, "member.update", login(day, person) + anchor, traits={"marketplace": person.login[0]})
    elif person.email:
        day.say(at_s + 600, "member.update", email(day, person) + held[:1], consents={"email": day.chance(0.7)})
    if person.partner:
        partner = Mention("external", f"ride:{person.partner}", f"external:ride:{person.partner}")
        day.say(at_s + 700, "campaign.joined", [partner, *phone(day, person)], campaign="ride-partner")


def _visit(day: Ledger, person: Person, store: Store) -> None:
    """A walk into the store: Wi-Fi, perhaps the till, perhaps an appointment kept."""
    at_s = _open_s(day)
    seen = device(day, person)
    place = {"store": store.code, "channel": "offline"}
    named = card(day, person)[:1] or phone(day, person)
    if seen and not person.guest:
        portal = phone(day, person) if day.chance(0.55) else openid(day, person)[:1]
        day.say(at_s, "wifi.login", portal + seen, counters={"visits": 1}, **place)
    elif seen:
        day.say(at_s, "wifi.login", seen + (cookie(person) if day.chance(0.5) else []), counters={"visits": 1}, **place)
    if seen and day.chance(0.5):
        day.say(at_s + 1200, "store.visited", seen, counters={"dwell_minutes": day.rng.randrange(80) / 4}, **place)
    if person.guest or not named:
        return
    if day.chance(0.55):
        _order(day, at_s + 1500, f"POS-{store.code}", named, online=False)
    if day.chance(0.08):
        booking = {"appointment_id": f"AP{day.rng.getrandbits(40):010x}", "service": day.rng.choice(SERVICES)}
        day.say(at_s - OPEN_S, "appointment.booked", openid(day, person) or named, at=day.time(at_s), **booking)
        if day.chance(0.8):
            day.say(at_s + 900, "appointment.redeemed", named, staff="S-07", store=store.code, **booking)
    if day.chance(0.06):
        day.say(at_s + 2000, "product.trial", named, sku=day.rng.choice(PRODUCTS)[0], **place)


def _chat(day: Ledger, person: Person) -> None:
    """An hour with the brand's WeChat accounts."""
    rng, at_s = day.rng, _online_s(day)
    which = rng.randrange(len(person.openids))
    account = person.openids[which][0]
    campaign = rng.choice(CAMPAIGNS)
    if day.chance(0.3):
        day.say(at_s, "openid.follow", openid(day, person, which), account=account, scene=rng.choice(SCENES))
    _receive_message(day, person, which, at_s)
    if day.chance(0.25):
        _receive_coupon(day, person, which, at_s + 120)
    if day.chance(0.4):
        sku, category, _ = rng.choice(PRODUCTS)
        day.say(at_s + 60, "product.viewed", openid(day, person, which), sku=sku, category=category)
    if day.chance(0.15):
        answers = {"skin": rng.choice(SKINS), "lens_wearer": day.chance(0.4)}
        day.say(at_s + 90, "survey.completed", openid(day, person, which), answers=answers, campaign=campaign)
    if day.chance(0.1):
        day.say(at_s + 150, "content.shared", openid(day, person, which), campaign=campaign)
    if day.chance(0.08):
        _invite(day, person, at_s + 200)
    if day.chance(0.04):
        day.say(at_s + 300, "openid.unfollow", openid(day, person, which), account=account)


def _receive_message(day: Ledger, person: Person, which: int, at_s: float) -> None:
    """A campaign message, perhaps opened, perhaps clicked."""
    campaign = day.rng.choice(CAMPAIGNS)
    if day.chance(0.6):
        for delay_s, kind, share in (
            (0, "message.sent", 1.0),
            (40, "message.opened", 0.5),
            (50, "message.clicked", 0.3),
        ):
            if day.chance(share):
                day.say(at_s + delay_s, kind, openid(day, person, which), campaign=campaign, channel="wechat")


def _receive_coupon(day: Ledger, person: Person, which: int, at_s: float) -> None:
    """A coupon over WeChat, sometimes redeemed at the till with the card."""
    coupon = {"coupon_id": f"CP{day.rng.getrandbits(40):010x}", "campaign": day.rng.choice(CAMPAIGNS)}
    day.say(at_s, "coupon.issued", openid(day, person, which), expires_at=day.time(at_s + 30 * DAY_S), **coupon)
    if day.chance(0.3):
        day.say(at_s + 4000, "coupon.redeemed", card(day, person)[:1] or openid(day, person), **coupon)


def _invite(day: Ledger, person: Person, at_s: float) -> None:
    """Member gets member; the one who comes is some other member with a number of their own."""
    code = {"referral_code": f"R{day.rng.getrandbits(32):08x}"}
    by = card(day, person)[:1] or openid(day, person)[:1]
    day.say(at_s, "referral.invited", by, **code)
    guest = day.rng.choice(day.members)
    if guest is not person and (invitee := card(day, guest)[:1] or openid(day, guest)[:1]):
        inviter = {by[0].namespace: by[0].raw}
        day.say(at_s + 1800, "referral.registered", invitee, inviter=inviter, **code)
        day.say(at_s + 1801, "points.earned", by, points=100, kind="interaction")


def _browse(day: Ledger, person: Person, at_s: float) -> None:
    """A look around the site without saying who."""
    browser = cookie(person)
    if browser:
        for step in range(1 + day.rng.randrange(3)):
            day.say(at_s + 30 * step, "page.viewed", browser, page=day.rng.choice(PAGES), channel="web")
        sku, category, _ = day.rng.choice(PRODUCTS)
        day.say(at_s + 200, "product.viewed", browser, sku=sku, category=category, counters={"views": 1})


def _shop_online(day: Ledger, person: Person) -> None:
    """Browse, log in, perhaps order, with delivery days later or never."""
    at_s = _earlier_s(day) if day.chance(0.1) else _online_s(day)
    _browse(day, person, at_s)
    who = login(day, person) or openid(day, person) or email(day, person) or card(day, person)[:1]
    if not who:
        return
    if browser := cookie(person):
        day.say(at_s + 220, "page.viewed", who[:1] + browser, page="/account", channel="web")
    if day.chance(0.5):
        receiver = phone(day, person) if day.chance(0.25) else []
        _order(day, at_s + 300, "WEB", who + receiver, online=True)


def _order(day: Ledger, at_s: float, shop: str, who: list[Mention], *, online: bool) -> None:
    """An order from placing to its end, with amounts in yuan and fen."""
    rng = day.rng
    lines = [(rng.choice(PRODUCTS), 1 + rng.randrange(3)) for _ in range(1 + rng.randrange(3))]
    total = sum(price * quantity for (_, _, price), quantity in lines)
    items = [
        {"sku": sku, "category": category, "quantity": quantity, "price": yuan(price)}
        for (sku, category, price), quantity in lines
    ]
    order_id = f"{shop}-{rng.getrandbits(44):011x}"
    head = {"order_id": order_id, "amount": yuan(total), "currency": "CNY"}
    if online:
        day.say(at_s, "order.placed", who, order=head | {"items": items, "channel": "web"})
        if day.chance(0.12):
            day.say(at_s + 900, "order.cancelled", who[:1], order={"order_id": order_id})
            return
    day.say(at_s + 60, "order.paid", who, order=head | {"items": items, "channel": "web" if online else "pos"})
    if who[0].namespace == "card":
        day.say(at_s + 62, "points.earned", who[:1], points=max(1, total // 100), kind="consumption")
        if day.chance(0.08):
            day.say(at_s + 90, "points.spent", who[:1], points=100, kind="consumption", reward="sample-kit")
    if online and day.chance(0.6):
        parcel = {"order_id": order_id, "carrier": rng.choice(CARRIERS), "tracking": f"T{rng.getrandbits(40):010x}"}
        day.say(at_s + 7000, "order.shipped", who[:1], **parcel)
        if day.chance(0.3):
            day.say(at_s + 14000, "order.delivered", who[:1], **parcel)
    if day.chance(0.05):
        back = total if day.chance(0.5) else total // 3
        day.say(at_s + 9000, "order.refunded", who[:1], order=head | {"amount": yuan(back)})


def yuan(fen: int) -> str:
    """An amount as decimal text, for example `129.50`."""
    return f"{fen // 100}.{fen % 100:02d}"
