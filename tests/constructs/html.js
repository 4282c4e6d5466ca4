(() => {
  const letters = [];
  const looksOf = (element, style) => {
    const looks = [];
    if (parseInt(style.fontWeight) >= 600) looks.push("bold");
    if (style.fontStyle !== "normal") looks.push("italic");
    if (/mono/i.test(style.fontFamily)) looks.push("mono");
    if (style.fontVariantCaps !== "normal") looks.push("capitals");
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const own = getComputedStyle(up);
      if (own.verticalAlign === "sub") looks.push("sub");
      if (own.verticalAlign === "super") looks.push("sup");
      if (own.textDecorationLine.includes("underline") && up.tagName !== "A") looks.push("underlined");
      if (own.textDecorationLine.includes("line-through")) looks.push("struck");
    }
    return looks;
  };
  const marker = (item) => {
    const box = item.querySelector(":scope > input, :scope > label > input, :scope > p > input, :scope > p > label > input");
    if (box) return box.checked ? "\u2612" : "\u2610";
    if (item.parentElement.tagName === "UL") return "\u2022";
    return (item.parentElement.start + [...item.parentElement.children].indexOf(item)) + ".";
  };
  const within = (element) => {
    const marks = [];
    for (let up = element; up && up !== document.documentElement; up = up.parentElement) {
      const tag = up.tagName.toLowerCase();
      if (/^h[1-6]$/.test(tag)) marks.unshift("heading=" + tag[1]);
      if (tag === "blockquote") marks.unshift("quote");
      if (up.classList.contains("admonition")) marks.unshift("box");
      if (tag === "li") marks.unshift("item=" + marker(up));
      marks.unshift("in=" + tag);
    }
    return marks;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || /^(script|style|annotation)$/i.test(element.tagName)) continue;
    const anchor = element.closest("a[href]"), goal = anchor ? anchor.getAttribute("href") : "";
    const range = document.createRange();
    const boxes = [];
    for (let i = 0; i < node.length; i++) {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      boxes.push([box.left, box.top, box.right, box.bottom].map((edge) => Math.round(edge * 10) / 10));
    }
    letters.push({ text: node.data, looks: looksOf(element, style), within: within(element), href: goal, boxes, colour: style.color });
  }
  const bars = [];
  for (const element of document.querySelectorAll("table, thead, tbody, tr, th, td, hr, .admonition")) {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    if (parseFloat(style.borderTopWidth) > 0) bars.push([box.left, box.top, box.right]);
    if (parseFloat(style.borderBottomWidth) > 0) bars.push([box.left, box.bottom, box.right]);
  }
  const said = document.createElement("script");
  said.type = "application/json";
  said.id = "read-back";
  said.textContent = JSON.stringify({ letters, bars }).replace(/</g, "\\u003c");
  document.body.append(said);
})();
