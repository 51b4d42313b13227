// What is known of a person, as cards: who, worth what, under which identifiers, called what, doing what.

import { h } from "./dom.js";
import { ago, instant, kindOf, money, named, number, t } from "./words.js";
import { shortId } from "./entries.js";
import { written } from "./fields.js";
/** @import { Profile } from "./answers.d.ts" */

const tile = (label, value, under = null) =>
  h("div", { class: "tile" }, h("dt", {}, label), h("dd", {}, value, under && h("small", {}, under)));
const facts = (rows) =>
  h(
    "dl",
    { class: "facts" },
    rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
const labels = (kind, names) =>
  names.length
    ? h(
      "p",
      { class: "chips" },
      names.map((name) => h("span", { class: "label", title: name }, named(kind, name))),
    )
    : h("p", { class: "empty" }, t("none"));
export const card = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), ...content);

/** @param {Profile} profile */
export function head(profile) {
  const first = profile.identifiers[0];
  return h(
    "section",
    { class: "card person-head" },
    h(
      "div",
      { class: "avatar", "aria-hidden": "true" },
      (profile.traits.name ?? first?.display ?? "?").slice(0, 1).toUpperCase(),
    ),
    h(
      "div",
      {},
      h("h1", {}, profile.traits.name ?? first?.display ?? shortId(profile.profile_id)),
      h(
        "p",
        { class: "chips" },
        h(
          "span",
          { class: `badge ${profile.known ? "good" : "plain"}` },
          t(profile.known ? "person.known" : "person.anonymous"),
        ),
        h("span", { class: "badge stage" }, named("lifecycle", profile.lifecycle.stage)),
        profile.tier && h("span", { class: "badge tier" }, named("tiers", profile.tier)),
        profile.membership.since &&
          h(
            "span",
            { class: "badge plain" },
            t("person.member_since", { day: instant(profile.membership.since, "day") }),
          ),
      ),
      h(
        "p",
        { class: "faint" },
        profile.traits.name && first ? `${first.namespace} ${first.display} · ` : "",
        h("code", { class: "id" }, profile.profile_id),
        ` · ${t("person.seen", { first: instant(profile.first_seen, "day"), last: ago(profile.last_seen) })}`,
      ),
    ),
  );
}

/** @param {Profile} profile */
export function tiles(profile) {
  const worth = Object.entries(profile.lifetime_value).map(([currency, amount]) => money(currency, amount));
  const { points, orders, activity } = profile;
  return h(
    "dl",
    { class: "tiles" },
    tile(t("person.value"), worth.join(" + ") || "–", t("person.orders", { count: number(orders.count) })),
    tile(
      t("person.points"),
      number(points.balance),
      t("person.points_kinds", {
        consumption: number(points.consumption),
        benefit: number(points.benefit),
        interaction: number(points.interaction),
      }),
    ),
    tile(
      t("person.activity"),
      number(activity.d30.events ?? 0),
      t("person.activity_days", { d90: number(activity.d90.events ?? 0), d365: number(activity.d365.events ?? 0) }),
    ),
    tile(t("person.completeness"), `${number(profile.completeness * 100)} %`, t("person.scores", profile.scores)),
  );
}

/** @param {Profile} profile  @param {Set<string>} chosen  written as commands name them */
export function identifiers(profile, chosen) {
  const box = (one) =>
    h("input", {
      type: "checkbox",
      "aria-label": t("person.choose", { name: `${one.namespace} ${one.display}` }),
      on: { change: (event) => (event.target.checked ? chosen.add(written(one)) : chosen.delete(written(one))) },
    });
  const rows = profile.identifiers.map((one) =>
    h(
      "tr",
      {},
      h("td", {}, box(one)),
      h("td", {}, h("span", { class: `namespace kind-${kindOf(one.namespace)}` }, one.namespace)),
      h("td", { class: "mono value" }, one.display),
      h("td", {}, instant(one.first_seen, "day")),
      h("td", {}, ago(one.last_seen)),
    )
  );
  return card(
    t("person.identifiers", { count: number(profile.identifiers.length) }),
    h(
      "div",
      {
        class: "scroll",
        tabindex: "0",
        role: "region",
        "aria-label": t("person.identifiers", { count: number(profile.identifiers.length) }),
      },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("td", {}),
            ["namespace", "value_column", "first", "last"].map((name) =>
              h("th", { scope: "col" }, t(`person.${name}`))
            ),
          ),
        ),
        h("tbody", {}, rows),
      ),
    ),
  );
}

/** @param {Profile} profile */
export function more(profile) {
  const { traits, consents, wechat, orders, coupons, appointments, affinity, acquisition, referral } = profile;
  const list = (values) => values.join(", ") || "–";
  const touch = (one) => [one.channel, one.campaign].filter(Boolean).join(" · ") || "–";
  const consent = ([name, given]) => `${name} ${given ? "✓" : "✗"}`;
  const trait = ([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)];
  return [
    card(t("person.tags"), labels("tags", profile.tags)),
    card(t("person.segments"), labels("segments", profile.segments)),
    card(
      t("person.traits"),
      Object.keys(traits).length ? facts(Object.entries(traits).map(trait)) : h("p", { class: "empty" }, t("none")),
    ),
    card(
      t("person.doings"),
      facts([
        [t("person.paid"), list(Object.entries(orders.paid).map(([currency, amount]) => money(currency, amount)))],
        [
          t("person.refunded"),
          list(Object.entries(orders.refunded).map(([currency, amount]) => money(currency, amount))),
        ],
        [
          t("person.coupons"),
          t("person.coupons_count", { held: number(coupons.held.length), redeemed: number(coupons.redeemed) }),
        ],
        [
          t("person.appointments"),
          t("person.appointments_count", {
            upcoming: number(appointments.upcoming.length),
            redeemed: number(appointments.redeemed),
          }),
        ],
        [t("person.stores"), list(affinity.stores)],
        [t("person.wechat"), list(wechat.following)],
        [t("person.first_touch"), touch(acquisition.first_touch)],
        [t("person.referred"), number(referral.referred)],
        [t("person.consents"), list(Object.entries(consents).map(consent))],
      ]),
    ),
  ];
}
