// Block Kit as DOM nodes.

import { control } from "./elements.js";
import { el, mrkdwn, plain, textObject } from "./mrkdwn.js";

function image(block, className) {
  const picture = el("img", { src: block.image_url ?? `/files/${block.slack_file?.id}/picture`, alt: block.alt_text, class: className, loading: "lazy" });
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
  const made = control(part, { names: context.names, act: (chosen, node, value) => context.click(chosen, node, value ?? node.readValue?.()) });
  return made ?? el("span", { class: "missing" }, `(${part.type} is not shown here)`);
}

function question(block, context) {
  const label = plain(block.label);
  const act = block.dispatch_action && ((chosen, node, value) => context.click(chosen, node, value ?? node.readValue?.()));
  return el("div", { class: "b-input" },
    el("div", { class: "label" }, label, block.optional && el("small", {}, " (optional)")),
    control(block.element, { names: context.names, label, act: act || undefined }) ?? el("span", { class: "missing" }, `(${block.element.type} is not shown here)`),
    block.hint && el("p", { class: "hint" }, plain(block.hint)));
}

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

function richPart(part, names) {
  const words = { text: () => part.text, emoji: () => mrkdwn(`:${part.name}:`, names), link: () => mrkdwn(`<${part.url}|${part.text ?? part.url}>`, names),
    user: () => mrkdwn(`<@${part.user_id}>`, names), channel: () => mrkdwn(`<#${part.channel_id}>`, names),
    usergroup: () => mrkdwn(`<!subteam^${part.usergroup_id}>`, names), broadcast: () => mrkdwn(`<!${part.range}>`, names),
    date: () => mrkdwn(`<!date^${part.timestamp}^${part.format}|${part.fallback ?? ""}>`, names) };
  return Object.keys(part.style ?? {}).reduce((node, style) => (STYLES[style] && part.style[style] ? el(STYLES[style], {}, node) : node),
    el("span", { class: "rich" }, words[part.type]?.() ?? ""));
}

function rich(part, names) {
  const inner = (part.elements ?? []).map((each) => (each.elements ? rich(each, names) : richPart(each, names)));
  if (part.type === "rich_text_list") return el(part.style === "ordered" ? "ol" : "ul", { class: "rich-list" }, ...inner.map((each) => el("li", {}, each)));
  return el({ rich_text_preformatted: "pre", rich_text_quote: "blockquote" }[part.type] ?? "div", {}, ...inner);
}

const BLOCKS = {
  header: (block) => el("h2", { class: "b-header" }, plain(block.text)),
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
  input: question,
  rich_text: (block, context) => el("div", {}, ...block.elements.map((part) => rich(part, context.names))),
  markdown: (block, context) => mrkdwn(block.text, context.names),
};

export function renderBlocks(blocks, context) {
  return blocks.map((block) => {
    const node = BLOCKS[block.type]?.(block, context) ?? el("span", { class: "missing" }, `(a ${block.type} block is not shown here)`);
    node.dataset.block = block.block_id ?? "";
    return node;
  });
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
