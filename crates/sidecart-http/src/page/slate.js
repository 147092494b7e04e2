// A slate under the shop's policy: its offers, what was taken out, what reaches an amount, and the
// session that remembers what was shown and declined.
let session = null;
let declined = [];
let nSeen = 0;
let nDeclined = 0;

const RULES = {
  min_relevance: "less probable than the policy asks for",
  unknown_relevance: "has no probability to hold against the floor",
  excluded_item: "excluded by the policy",
  excluded_category: "in an excluded category",
  excluded_brand: "of an excluded brand",
  out_of_stock: "none in stock",
  silence: "so many offers of its kind were declined",
  shows_per_item: "shown so often already",
  cool_down: "declined a short time ago",
  filter: "does not pass a filter of the policy",
  needs_host: "of use only with something that is not in the basket",
  host_served: "its host has such a thing already",
  kind: "its kind is not offered here",
  substitute: "does the same as an item of the basket",
  not_dearer: "not dearer than what it would replace",
  price_ratio: "too dear beside this basket",
  no_gain: "adds nothing to what counts",
  contradiction: "contradicts another offer",
  host_taken: "another offer goes with its host",
  kind_cap: "enough offers of its kind",
  category_cap: "enough offers of its category",
  outranked: "others are better",
};
const EMPTY = {
  touchpoint: "the policy offers none of these kinds here",
  session_limit: "this session has seen as many offers as the policy allows",
  no_offers_allowed: "the policy allows no offers",
  no_candidates: "nothing is known that goes with it",
};
const REACHED = {
  unknown_price: "The price of a basket item is not known, so nobody knows what is missing.",
  already_reached: "The basket is there already.",
  no_candidate: "Nothing relevant fills it.",
  none_within: "No few items fill it without exceeding it by more than a fifth.",
};

function money(amount, isChange) {
  const text = Math.abs(amount).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return (amount < 0 ? "\u2212" : isChange ? "+" : "") + text;
}

function percent(share) {
  const hundredths = 100 * share;
  return (hundredths >= 10 ? hundredths.toFixed(0) : hundredths >= 0.1 ? hundredths.toFixed(1) : "< 0.1") + " %";
}

async function askSlate(question, isCurrent) {
  const choices = { touchpoint: by("touchpoint").value, objective: by("objective").value };
  for (const [name, value] of Object.entries(choices)) if (value) question[name] = value;
  if (Number(by("slate-k").value) > 0) question.k = Number(by("slate-k").value);
  if (Number(by("amount").value) > 0) question.threshold = { amount: Number(by("amount").value) };
  // Who tries baskets would soon have seen as much as the policy lets one visitor see: unless that is
  // asked for, only what was declined is told.
  const remembers = by("remember").checked;
  if (session && remembers) question.session = session;
  const sent = declined.slice();
  if (sent.length) question.declined = sent;
  let answer;
  try {
    answer = await call("/v1/offers", question);
  } catch (error) {
    // The server was started anew with another key, or without one.
    if (!question.session || !["invalid_session", "no_sessions"].includes(error.code)) throw error;
    delete question.session;
    answer = await call("/v1/offers", question);
    if (isCurrent()) session = null;
  }
  if (isCurrent()) {
    // What the token holds is not sent again.
    if (answer.session && remembers) { session = answer.session; declined = declined.filter((offer) => !sent.includes(offer)); }
    nSeen += remembers ? answer.offers.length : 0;
  }
  return answer;
}

function showSlate(answer) {
  for (const offer of answer.offers) {
    known(offer.item, offer.name);
    if (offer.anchor !== null) known(offer.anchor, offer.anchor_name);
  }
  const n = answer.offers.length;
  const summary = element("span", "", n === 1 ? "1 offer" : n + " offers");
  if (!n && answer.reason) summary.textContent += ": " + (EMPTY[answer.reason] || RULES[answer.reason] || answer.reason);
  summary.textContent += ", counting " + answer.objective;
  const totals = element("span", "totals");
  if (answer.basket_total !== null && basket.length) {
    totals.append(total("basket", answer.basket_total));
    if (n && answer.projected_total !== null) totals.append(total(n === 1 ? "with the offer" : "with all offers", answer.projected_total));
  }
  by("summary").replaceChildren(totals, summary);
  by("offers").replaceChildren(...answer.offers.map(card));
  showReach(answer.threshold);
  showRemoved(answer);
  by("session").hidden = !nSeen && !nDeclined;
  by("session").firstChild.textContent =
    (session ? "Session with a token: " + nSeen + " offers seen, " : "On this page: ") + nDeclined + " declined";
}

function total(name, amount) {
  const made = element("span", "", name + " ");
  made.append(element("b", "", money(amount)));
  return made;
}

function kindOf(offer) {
  if (offer.kind === "upsell") return "Instead of " + nameOf(offer.anchor);
  return offer.kind === "add-on" ? "Belongs to " + nameOf(offer.anchor) : "Add";
}

function card(offer) {
  const entry = element("li", "offer");
  const name = nameOf(offer.item);
  const title = titled(offer.item);
  if (offer.fallback) title.append(element("span", "tag", offer.fallback));
  entry.append(element("div", "kind " + offer.kind, kindOf(offer)), title, price(offer));
  entry.append(element("p", "why", offer.reason || ""), figures(offer));
  const actions = element("div", "actions");
  const isUpsell = offer.kind === "upsell";
  const press = () => { if (isUpsell) replace(offer.anchor, offer.item); else add(offer.item); by("heading").focus(); };
  actions.append(
    button(isUpsell ? "Take instead" : "Put in", (isUpsell ? "Take " + name + " instead of " + nameOf(offer.anchor) : "Put " + name + " into the basket"), press),
    button("Decline", "Decline " + name, () => decline(offer)));
  entry.append(actions);
  return entry;
}

function price(offer) {
  const made = element("div", "price");
  if (offer.price === null) return made;
  if (offer.discount > 0) made.append(element("s", "", money(offer.price)));
  made.append(element("span", "", money(offer.price - offer.discount)));
  if (offer.valid_until) made.append(element("small", "", "until " + offer.valid_until));
  return made;
}

function figures(offer) {
  const list = element("ul", "figures");
  if (offer.p !== null) list.append(fact("probability", percent(offer.p)));
  if (offer.delta_value !== null) list.append(fact("basket", money(offer.delta_value, true)));
  if (offer.delta_margin !== null) list.append(fact(offer.estimated ? "margin, estimated" : "margin", money(offer.delta_margin, true)));
  const evidence = offer.evidence || {};
  const counts = {
    customers: "customers", baskets: "baskets", lift: "lift", upgrades: "upgrades", events: "chances to go up", rate: "rate", switches: "switches to it",
  };
  for (const [key, label] of Object.entries(counts)) {
    if (evidence[key] === undefined) continue;
    const value = key === "rate" ? percent(evidence[key]) : key === "lift" ? evidence[key].toFixed(1) : evidence[key].toLocaleString();
    list.append(fact(label, value));
  }
  return list;
}

function decline(offer) {
  declined.push({ item: offer.item, kind: offer.kind });
  nDeclined += 1;
  by("heading").focus();
  ask();
}

function showReach(threshold) {
  const reach = by("reach");
  reach.hidden = !threshold;
  if (!threshold) return;
  const title = threshold.gap > 0 ? money(threshold.gap) + " to " + money(Number(by("amount").value)) : "Amount to reach";
  const list = element("ul");
  for (const filling of threshold.fillings) {
    filling.items.forEach((id, at) => known(id, filling.names && filling.names[at]));
    const entry = element("li");
    const what = element("span", "", filling.items.map(nameOf).join(" + ") + " ");
    what.append(element("small", "", money(filling.total) + (filling.overshoot > 0 ? ", " + money(filling.overshoot) + " more than needed" : ", exactly")));
    const label = "Put " + filling.items.map(nameOf).join(" and ") + " into the basket";
    entry.append(what, button("Put in", label, () => { add(...filling.items); by("heading").focus(); }));
    list.append(entry);
  }
  reach.replaceChildren(element("h3", "", title), threshold.fillings.length ? list : element("p", "hint", REACHED[threshold.reason] || threshold.reason));
}

function showRemoved(answer) {
  const byRule = new Map();
  for (const removed of answer.removed) {
    known(removed.item, removed.name);
    if (!byRule.has(removed.rule)) byRule.set(removed.rule, []);
    byRule.get(removed.rule).push(nameOf(removed.item));
  }
  const details = by("removed");
  details.hidden = !answer.n_removed;
  details.firstChild.textContent = answer.n_removed === 1 ? "1 candidate is not offered" : answer.n_removed + " candidates are not offered";
  details.lastChild.replaceChildren(...[...byRule].map(([rule, items]) => {
    const entry = element("li", "", (RULES[rule] || rule) + " (" + items.length + ")");
    entry.append(element("small", "", rule + ": " + items.join(", ")));
    return entry;
  }));
}

by("session").lastElementChild.addEventListener("click", () => {
  session = null;
  declined = [];
  nSeen = nDeclined = 0;
  by("heading").focus();
  ask();
});
