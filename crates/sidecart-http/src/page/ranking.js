// A plain ranking of what to add, by any part of a model.
async function askRanking(question) {
  question.k = Number(by("k").value) || 10;
  question.using = by("using").value;
  return call("/v1/recommend", question);
}

function showRanking(answer) {
  for (const id of ["reach", "removed", "session"]) by(id).hidden = true;
  for (const offer of answer.items) known(offer.item, offer.name);
  const n = answer.items.length;
  by("summary").textContent = n ? (n === 1 ? "1 item" : n + " items") + ", best first" : "nothing is left to offer";
  const most = Math.max(...answer.items.map((offer) => Math.abs(offer.score)), 1e-9);
  by("offers").replaceChildren(...answer.items.map((offer) => place(offer, most)));
}

function place(offer, most) {
  const entry = element("li", "place");
  const title = titled(offer.item);
  if (offer.fallback) title.append(element("span", "tag", offer.fallback));
  const score = element("div", "score", offer.fallback ? "" : offer.p === undefined ? offer.score.toFixed(3) : percent(offer.p));
  const bar = element("span", "bar");
  const share = element("i");
  share.style.setProperty("--share", Math.max(0, 100 * offer.score / most).toFixed(1) + "%");
  bar.append(share);
  score.append(bar);
  const more = button("Put in", "Put " + nameOf(offer.item) + " into the basket", () => { add(offer.item); by("heading").focus(); });
  more.className = "add";
  entry.append(element("span", "rank", String(offer.rank)), title, score, element("div", "why", offer.reason || ""), more);
  return entry;
}
