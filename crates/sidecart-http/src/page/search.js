// Finding items by a part of their id or name: a combobox with a list.
let found = [];
let chosen = -1;
let searched = 0;
let pause = 0;

function close() {
  found = [];
  chosen = -1;
  by("found").hidden = true;
  by("found").replaceChildren();
  by("search").setAttribute("aria-expanded", "false");
  by("search").removeAttribute("aria-activedescendant");
}

function choose(at) {
  chosen = at;
  [...by("found").children].forEach((entry, i) => {
    entry.setAttribute("aria-selected", String(i === at));
    if (i === at) { entry.scrollIntoView({ block: "nearest" }); by("search").setAttribute("aria-activedescendant", entry.id); }
  });
}

function take(...ids) {
  clearTimeout(pause);
  ++searched;
  by("search").value = "";
  close();
  add(...ids);
}

async function search() {
  const mine = ++searched;
  const text = by("search").value.trim();
  if (!text) return close();
  const parameters = new URLSearchParams({ query: text.slice(0, 64) });
  if (by("model").value) parameters.set("model", by("model").value);
  try {
    const answer = await call("/v1/items?" + parameters);
    if (mine !== searched) return;
    close();
    found = answer.items;
    by("found").replaceChildren(...found.map((item, at) => {
      known(item.item, item.name);
      const entry = element("li", "", item.name || String(item.item));
      entry.id = "found-" + at;
      entry.setAttribute("role", "option");
      entry.append(element("small", "", item.name ? String(item.item) : item.customers + " customers"));
      entry.addEventListener("mousedown", (event) => { event.preventDefault(); take(item.item); });
      return entry;
    }));
    by("found").hidden = !found.length;
    by("search").setAttribute("aria-expanded", String(found.length > 0));
  } catch (error) {
    if (mine === searched) say(error.message, true);
  }
}

by("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, 120); });
by("search").addEventListener("blur", close);
by("search").addEventListener("keydown", (event) => {
  const text = by("search").value.trim();
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (found.length) choose((chosen + (event.key === "ArrowDown" ? 1 : found.length + (chosen < 0 ? 0 : -1))) % found.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (chosen >= 0) take(found[chosen].item);
    else if (text) take(...text.split(/[\s,]+/).filter(Boolean));
  } else if (event.key === "Escape") {
    close();
  } else if (event.key === "Backspace" && !by("search").value && basket.length) {
    remove(basket[basket.length - 1]);
  }
});
