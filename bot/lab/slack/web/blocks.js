// Block Kit as DOM nodes.

import { el, mrkdwn, plain, textObject } from "./mrkdwn.js";

function image(block, className) {
  const picture = el("img", { src: block.image_url, alt: block.alt_text, class: className, loading: "lazy" });
  // The page loads nothing from elsewhere, so a foreign picture shows its description instead.
  picture.addEventListener("error", () => picture.replaceWith(el("span", { class: "missing" }, `[picture: ${block.alt_text}]`)));
  return picture;
}

function button(element, context) {
  if (element.url) {
    return el("a", { class: "button " + (element.style ?? ""), href: /^https?:/.test(element.url) ? element.url : "#",
      target: "_blank", rel: "noopener noreferrer" }, plain(element.text));
  }
  return el("button", { type: "button", class: "button " + (element.style ?? ""), "aria-label": element.accessibility_label,
    onclick: (event) => context.click(element, event.currentTarget) }, plain(element.text));
}

function element(part, context) {
  if (part.type === "button") return button(part, context);
  if (part.type === "image") return image(part, "accessory");
  return el("span", { class: "missing" }, `(${part.type} is not shown here)`);
}

const BLOCKS = {
  header: (block) => el("h3", { class: "b-header" }, plain(block.text)),
  divider: () => el("hr"),
  section: (block, context) => el("div", { class: "b-section" },
    el("div", { class: "b-body" },
      block.text && textObject(block.text, context.names),
      block.fields && el("div", { class: "b-fields" }, ...block.fields.map((field) => textObject(field, context.names)))),
    block.accessory && element(block.accessory, context)),
  context: (block, context) => el("div", { class: "b-context" }, ...block.elements.map((part) =>
    part.type === "image" ? image(part, "tiny") : textObject(part, context.names))),
  actions: (block, context) => el("div", { class: "b-actions" }, ...block.elements.map((part) => element(part, context))),
  image: (block) => el("figure", {}, block.title && el("figcaption", {}, plain(block.title)), image(block, "large")),
  markdown: (block, context) => mrkdwn(block.text, context.names),
};

export function renderBlocks(blocks, context) {
  return blocks.map((block) => BLOCKS[block.type]?.(block, context)
    ?? el("span", { class: "missing" }, `(a ${block.type} block is not shown here)`));
}

export function confirm(dialog, names) {
  const box = document.getElementById("confirm");
  document.getElementById("confirm-title").textContent = plain(dialog.title);
  document.getElementById("confirm-text").replaceChildren(textObject(dialog.text, names));
  document.getElementById("confirm-deny").textContent = plain(dialog.deny);
  const yes = document.getElementById("confirm-yes");
  yes.textContent = plain(dialog.confirm);
  yes.className = dialog.style === "danger" ? "danger" : "primary";
  box.returnValue = "no";
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => resolve(box.returnValue === "yes"), { once: true }));
}
