"""The nouns of the synthetic retail world: places, names, goods, campaigns and what broken publishers send.

Rules: constants only. Nothing here is a real person, account or number block reserved for one.
"""

from typing import Final

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程苏魏吕丁任沈姚卢"
)
GIVEN_NAMES: Final = (
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "勇",
    "艳",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "霞",
    "平",
    "刚",
    "桂英",
    "秀兰",
    "建华",
    "志强",
    "晓东",
    "雨桐",
    "梓涵",
    "子轩",
    "欣怡",
    "浩然",
    "诗涵",
    "宇航",
)
STORES: Final[tuple[tuple[str, str], ...]] = (
    ("SH-001", "Shanghai"),
    ("BJ-001", "Beijing"),
    ("GZ-001", "Guangzhou"),
    ("SZ-001", "Shenzhen"),
    ("CD-001", "Chengdu"),
    ("HZ-001", "Hangzhou"),
    ("NJ-001", "Nanjing"),
    ("WH-001", "Wuhan"),
    ("XA-001", "Xi'an"),
    ("CQ-001", "Chongqing"),
    ("SH-002", "Shanghai"),
    ("BJ-002", "Beijing"),
    ("TJ-001", "Tianjin"),
    ("SU-001", "Suzhou"),
    ("CS-001", "Changsha"),
    ("QD-001", "Qingdao"),
    ("DL-001", "Dalian"),
    ("XM-001", "Xiamen"),
    ("KM-001", "Kunming"),
    ("SH-003", "Shanghai"),
)
# Each with its category and its price in fen.
PRODUCTS: Final[tuple[tuple[str, str, int], ...]] = (
    ("CR-0101", "cream", 29900),
    ("CR-0102", "cream", 45950),
    ("CL-0201", "cleanser", 9900),
    ("CL-0202", "cleanser", 12880),
    ("SE-0301", "serum", 68000),
    ("SE-0302", "serum", 52999),
    ("MA-0401", "mask", 15900),
    ("MA-0402", "mask", 8890),
    ("SU-0501", "sunscreen", 16800),
    ("LE-0601", "lens", 19900),
    ("LE-0602", "lens", 35900),
    ("SO-0701", "solution", 7850),
    ("SO-0702", "solution", 10505),
    ("LI-0801", "lipstick", 23800),
)
CAMPAIGNS: Final = ("double-11", "welcome-home", "autumn-skin", "ride-partner", "weibo-kol", "edm-11")
SCENES: Final = ("qr.store", "search", "menu", "moments-ad", "article", "packaging")
PAGES: Final = ("/", "/new", "/skin-test", "/stores", "/lens-guide", "/points-mall")
SERVICES: Final = ("facial", "eye-exam", "make-up", "lens-fitting")
SKINS: Final = ("dry", "oily", "mixed", "sensitive")
CARRIERS: Final = ("SF", "YTO", "JD")
MARKETPLACES: Final = ("tmall", "jd", "douyin")
ACCOUNTS: Final = ("main", "mini", "care")  # WeChat accounts: the scope of an openid
MAIL_DOMAINS: Final = ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com")
MOBILE_PREFIXES: Final = (
    "130",
    "131",
    "132",
    "133",
    "135",
    "136",
    "137",
    "138",
    "139",
    "150",
    "151",
    "152",
    "155",
    "156",
    "157",
    "158",
    "159",
    "166",
    "176",
    "177",
    "180",
    "181",
    "185",
    "186",
    "187",
    "188",
    "189",
    "199",
)
VENDORS: Final = ("3c22fb", "a483e7", "f0989d", "88e9fe", "5c0947", "1c91d6", "d0817a", "40cbc0")  # MAC makers

# What a broken publisher sends instead of an identifier; the engine has to drop each and keep the event.
JUNK: Final[tuple[tuple[str, str], ...]] = (
    ("phone", "13800000000"),
    ("phone", "00000000000"),
    ("openid", "null"),
    ("unionid", "undefined"),
    ("cookie", "anonymous"),
    ("mac", "00:00:00:00:00:00"),
    ("card", "0000000000"),
    ("email", ""),
    ("login", "tmall:null"),
)
