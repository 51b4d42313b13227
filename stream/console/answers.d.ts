// What the server answers. Made from the code: python -m stream.reference.

export interface Profile {
  acquisition: Acquisition;
  activity: Activity;
  affinity: Affinity;
  appointments: Appointments;
  at: string;
  cause: Cause;
  completeness: number;
  consents: Record<string, boolean>;
  counters: Record<string, number>;
  coupons: Coupons;
  engagement?: Engagement;
  first_seen: string;
  id: string;
  identifiers: Array<ProfileIdentifier>;
  known: boolean;
  last_seen: string;
  left_out?: Array<string>;
  lifecycle: LifecycleStage;
  lifetime_value: Record<string, string>;
  membership: Membership;
  merged_from: Array<string>;
  orders: Orders;
  points: Points;
  profile_id: string;
  referral: Referral;
  rewards?: Array<Reward>;
  scores: Scores;
  segments: Array<string>;
  shipments: Array<Shipment>;
  tags: Array<string>;
  tier: string | null;
  traits: Record<string, any>;
  version: number;
  wechat: WeChat;
}

export interface Acquisition {
  first_touch: Touch;
  last_touch: Touch;
}

export interface Touch {
  at?: string;
  campaign?: string | null;
  channel?: string | null;
}

export interface Activity {
  d30: Window;
  d365: Window;
  d90: Window;
  last_at: string | null;
  silence_days: number;
  since: string | null;
  value: WindowValues;
}

export interface Window {
  events?: number;
  orders?: number;
  paid?: Record<string, string>;
}

export interface WindowValues {
  d30: Record<string, string>;
  d365: Record<string, string>;
  d90: Record<string, string>;
}

export interface Affinity {
  categories: Array<string>;
  stores: Array<string>;
  viewed: Array<string>;
}

export interface Appointments {
  redeemed: number;
  upcoming: Array<Appointment>;
}

export interface Appointment {
  appointment_id: string;
  at: string | null;
  service?: string | null;
  staff?: string | null;
  store?: string | null;
}

export interface Cause {
  id: string;
  source: string;
}

export interface Coupons {
  held: Array<string>;
  next_expires_at: string | null;
  redeemed: number;
}

export interface Engagement {
  campaigns: Array<string>;
  last_at: string | null;
}

export interface ProfileIdentifier {
  display: string;
  first_seen: string;
  last_seen: string;
  namespace: string;
  token: string;
}

export interface LifecycleStage {
  since: string;
  stage: string;
}

export interface Membership {
  cards: number;
  legacy: boolean;
  since: string | null;
}

export interface Orders {
  count: number;
  first_at: string | null;
  last_at: string | null;
  open: Array<OpenOrder>;
  paid: Record<string, string>;
  reached_at: Array<string>;
  refunded: Record<string, string>;
}

export interface OpenOrder {
  order_id: string;
  status: string;
}

export interface Points {
  balance: number;
  benefit: number;
  changed_at: string | null;
  consumption: number;
  interaction: number;
}

export interface Referral {
  referred: number;
  referred_by: string | null;
}

export interface Reward {
  at: string;
  reward: string;
}

export interface Scores {
  frequency: number;
  monetary: number;
  recency: number;
}

export interface Shipment {
  at: string;
  carrier?: string | null;
  order_id: string;
  status: string;
  tracking?: string | null;
}

export interface WeChat {
  followed_at: string | null;
  following: Array<string>;
  scene: string | null;
}

export interface Explanation {
  a: ShownIdentifier;
  around: Array<EvidenceLink>;
  around_more: number;
  b: ShownIdentifier;
  path: Array<EvidenceLink>;
  refused: Array<EvidenceLink>;
  verdict: "no_evidence" | "one_person" | "refused";
}

export interface ShownIdentifier {
  display: string;
  namespace: string;
  token: string;
}

export interface EvidenceLink {
  asserted: boolean;
  counts: boolean;
  ends: Array<ShownIdentifier>;
  events: number;
  first: EvidenceRef | null;
  last: EvidenceRef | null;
  reason: string | null;
  rule: string | null;
}

export interface EvidenceRef {
  id: string;
  source: string;
  time: string;
}

export interface ProfileGraph {
  edges: Array<EvidenceLink>;
  nodes: Array<GraphNode>;
  profile_id: string;
  version: number;
}

export interface GraphNode {
  display: string;
  member: boolean;
  namespace: string;
  token: string;
}

export interface Timeline {
  entries: Array<TimelineEntry>;
  kept_days: Record<string, number>;
  more: number;
  next: string | null;
  profile_id: string;
  since: string | null;
  version: number;
  whole: boolean;
}

export interface TimelineEntry {
  at: string;
  cause: Cause | null;
  command: string | null;
  evidence: Array<EvidenceRef>;
  from: Array<string>;
  id: string;
  identifiers: Array<TimelineIdentifier>;
  reason: string | null;
  rule: string | null;
  status: string | null;
  to: Array<string>;
  type: "command" | "conflict" | "erased" | "merged" | "moved" | "split";
  undone: Array<string>;
}

export interface TimelineIdentifier {
  display: string;
  namespace: string;
  profile_id: string | null;
  token: string;
}

export interface Recent {
  entries: Array<RecentEntry>;
  next: string | null;
}

export interface RecentEntry {
  at: string;
  cause: Cause | null;
  command: string | null;
  evidence: Array<EvidenceRef>;
  from: Array<string>;
  id: string;
  identifiers: Array<TimelineIdentifier>;
  identifiers_more: number;
  reason: string | null;
  rule: string | null;
  status: string | null;
  to: Array<string>;
  type: "command" | "conflict" | "erased" | "merged" | "moved" | "split";
  undone: Array<string>;
}

export interface Live {
  beats: Array<Beat>;
  every_seconds: number;
  not_ready: Array<string>;
}

export interface Beat {
  at: string;
  behind: number;
  per_second: number | null;
  published: number;
}

export interface Vocabulary {
  lifecycle: Array<NamedRule>;
  namespaces: Array<NamespaceRule>;
  policy: string;
  refusals: Record<string, string>;
  reminders: Array<NamedRule>;
  segments: Array<NamedRule>;
  tags: Array<NamedRule>;
  tiers: Array<NamedRule>;
}

export interface NamedRule {
  labels: RuleLabels;
  name: string;
}

export interface RuleLabels {
  en: string;
  zh: string;
}

export interface NamespaceRule {
  hashed: boolean;
  limit: number | null;
  name: string;
  person: boolean;
  scoped: boolean;
  unique: boolean;
  weak: boolean;
}

export interface Whoami {
  role: "operator" | "reader" | null;
}

export interface Alive {
  status: "alive";
}

export interface Readiness {
  reasons: Array<string>;
  status: "not_ready" | "ready";
}

export interface Accepted {
  id: string;
  status: "accepted";
}

export interface Problem {
  detail: string;
  status: number;
  title: string;
  type: string;
}

export interface Result {
  id: string;
  type: string;
  status: "done" | "invalid" | "not_found" | "refused";
  identifiers?: Array<string>;
  detail?: string;
  dry_run?: boolean;
  body?: string;
  append_ms?: number;
  topic?: string;
  partition?: number;
  offset?: number;
  effect?: Record<string, any>;
}

export interface Merge {
  type: "merge";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifiers: Array<string>;
}

export interface Split {
  type: "split";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifiers: Array<string>;
}

export interface Unbind {
  type: "unbind";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifier: string;
  from: string;
}

export interface Erase {
  type: "erase";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifier?: string | null;
  profile_id?: string | null;
}

export interface Block {
  type: "block";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifier?: string | null;
  namespace?: string | null;
  pattern?: string | null;
}

export interface Unblock {
  type: "unblock";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  identifier?: string | null;
  namespace?: string | null;
  pattern?: string | null;
}

export interface Undo {
  type: "undo";
  id?: string;
  time?: string | null;
  by?: string | null;
  reason?: string | null;
  dry_run?: boolean;
  of: string;
}

export type Command = Merge | Split | Unbind | Erase | Block | Unblock | Undo;
