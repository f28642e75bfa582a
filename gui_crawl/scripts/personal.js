// Text on the screen that may hold an e-mail address or a telephone number, with a box for each of its characters; whether it does hold one,
// `gui_crawl.privacy` says. Runs after visibility.js.
"use strict";
(() => {
  const { COVERED, intersect, empty, rectangle, colour } = sieveline;
  const PERHAPS = /[@＠]|[([]at[)\]]|(?:[+(]?\d[\s().\-–/·]{0,3}){7}/gi; // whatever `privacy` finds something in, and more
  const AROUND = 150; // characters on each side of such a sign: an address is not longer
  const range = document.createRange();
  const pen = new OffscreenCanvas(1, 1).getContext("2d");

  // What is seen of the box of a piece of text of an element; null where nothing is.
  function seenBox(element, box, clip) {
    const part = intersect(box, clip);
    return empty(part) || sieveline.look(element, (part[0] + part[2]) / 2, (part[1] + part[3]) / 2).state === COVERED ? null : part;
  }

  // The text that nodes {node, info, clip} of one line of thought make, white space joined, and where each of its UTF-16 units stands.
  function joined(nodes) {
    let text = "";
    const places = [];
    for (const at of nodes)
      for (let i = 0; i < at.node.data.length; i++) {
        const blank = /\s/.test(at.node.data[i]);
        if (blank && text.endsWith(" ")) continue;
        text += blank ? " " : at.node.data[i];
        places.push([at, i]);
      }
    return { text, places };
  }

  // The parts of a text around what looks personal, as [start, end].
  function windows(text) {
    const found = [];
    for (const { index, 0: sign } of text.matchAll(PERHAPS)) {
      const start = Math.max(0, index - AROUND), end = Math.min(text.length, index + sign.length + AROUND);
      if (found.length && start <= found.at(-1)[1]) found.at(-1)[1] = end;
      else found.push([start, end]);
    }
    return found;
  }

  function* inTexts(nodes, seen) {
    const runs = new Map();
    for (const at of nodes) {
      if (!runs.has(at.run)) runs.set(at.run, []);
      runs.get(at.run).push(at);
    }
    for (const run of runs.values()) {
      if (run.map((at) => at.node.data).join("").replace(/\s+/g, " ").search(PERHAPS) < 0) continue; // most have none, and this costs little
      const { text, places } = joined(run);
      for (const [start, end] of windows(text)) {
        const said = text.slice(start, end), boxes = [];
        let i = start;
        for (const character of said) { // by code points, as Python counts
          const [{ node, info, clip }, offset] = places[i];
          range.setStart(node, offset);
          range.setEnd(node, Math.min(offset + character.length, node.data.length));
          const r = range.getClientRects()[0];
          boxes.push(r ? seenBox(info.element, rectangle(r), intersect(clip, seen)) : null);
          i += character.length;
        }
        yield { text: said.toWellFormed(), boxes };
      }
    }
  }

  // A placeholder as it shows: under a label that floats in the field it is written in no colour.
  function hint(element) {
    const style = getComputedStyle(element, "::placeholder");
    return colour(style.color)[3] * +style.opacity < 0.02 ? "" : element.placeholder;
  }

  // A field has no text nodes that scripts could see: its text is where font and alignment put it, or anywhere in the field.
  function* inFields(infos, seen) {
    for (const { element, style, box } of infos) {
      if (!box || /^(password|checkbox|radio|file|image|range|color|hidden)$/.test(element.type)) continue;
      const said = (element.localName === "select" ? element.selectedOptions[0]?.label : element.value || hint(element)) ?? "";
      if (said.search(PERHAPS) < 0) continue;
      const r = element.getBoundingClientRect();
      const kx = element.offsetWidth ? r.width / element.offsetWidth : 1, ky = element.offsetHeight ? r.height / element.offsetHeight : 1;
      const side = (name) => parseFloat(style[`border${name}Width`]) + parseFloat(style[`padding${name}`]);
      let [left, top, right, bottom] = [r.left + side("Left") * kx, r.top + side("Top") * ky, r.right - side("Right") * kx, r.bottom - side("Bottom") * ky];
      pen.font = style.font;
      pen.letterSpacing = style.letterSpacing === "normal" ? "0px" : style.letterSpacing;
      const width = (pen.measureText(said).width + 4) * kx;
      if (element.localName !== "textarea" && width < right - left && style.direction === "ltr") {
        const align = /^(button|submit|reset)$/.test(element.type) ? "center" : style.textAlign;
        const spare = right - left - width;
        if (/^(left|start|-webkit-auto)$/.test(align)) right -= spare;
        else if (/^(right|end)$/.test(align)) left += spare;
        else if (/center/.test(align)) left += spare / 2, right -= spare / 2;
        const height = Math.min(bottom - top, 1.3 * parseFloat(style.fontSize) * ky), middle = (top + bottom) / 2;
        [top, bottom] = [middle - height / 2, middle + height / 2];
      }
      const part = intersect([left, top, right, bottom], intersect(box, seen));
      if (!empty(part)) yield { text: said.toWellFormed(), boxes: [...said.toWellFormed()].map(() => part) };
    }
  }

  sieveline.personal = (nodes, fields, seen) => [...inTexts(nodes, seen), ...inFields(fields, seen)];
})();
