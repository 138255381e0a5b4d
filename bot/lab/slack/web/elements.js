// The elements with which people choose or type something, as DOM nodes. Each knows its value as the lab wants it.

import { el, plain } from "./mrkdwn.js";

const optionsOf = (element) => [element, ...(element.option_groups ?? [])].flatMap((group) => group.options ?? []);

function keep(node, element, read) {
  node.dataset.action = element.action_id;
  node.readValue = read;
  return node;
}

function optionNode(option, chosen) {
  return el("option", { value: option.value, selected: chosen.includes(option.value) }, plain(option.text));
}

function menu(element, context, entries, chosen, many) {
  const node = el("select", { class: "menu", multiple: many, "aria-label": context.label ?? (element.placeholder ? plain(element.placeholder) : "Choose"),
    onchange: (event) => context.act?.(element, event.currentTarget) });
  if (!many) node.append(el("option", { value: "" }, element.placeholder ? plain(element.placeholder) : "Choose an option"));
  node.append(...entries(chosen));
  return keep(node, element, () => (many ? [...node.selectedOptions].map((option) => option.value) : node.value || null));
}

function staticMenu(element, context, many) {
  const initial = many ? element.initial_options ?? [] : [element.initial_option].filter(Boolean);
  const groups = element.option_groups;
  return menu(element, context, (chosen) => (groups
    ? groups.map((group) => el("optgroup", { label: plain(group.label) }, ...group.options.map((option) => optionNode(option, chosen))))
    : (element.options ?? []).map((option) => optionNode(option, chosen))), initial.map((option) => option.value), many);
}

function idMenu(element, context, kind, many) {
  const initial = [element[`initial_${kind}`], ...(element[`initial_${kind}s`] ?? [])].filter(Boolean);
  const named = kind === "user" ? context.names.people() : context.names.channels();
  return menu(element, context, (chosen) => named.map(([id, name]) => el("option", { value: id, selected: chosen.includes(id) },
    (kind === "user" ? "@" : "#") + name)), initial, many);
}

let groups = 0;

function boxes(element, context, type) {
  const name = `choice-${groups += 1}`;
  const initial = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map((option) => option.value);
  const node = el("div", { class: "boxes", role: type === "radio" ? "radiogroup" : "group", "aria-label": context.label },
    ...optionsOf(element).map((option) => el("label", {},
      el("input", { type, name, value: option.value, checked: initial.includes(option.value), onchange: () => context.act?.(element, node) }),
      el("span", {}, plain(option.text), option.description && el("small", {}, " " + plain(option.description))))));
  const chosen = () => [...node.querySelectorAll("input:checked")].map((box) => box.value);
  return keep(node, element, () => (type === "radio" ? chosen()[0] ?? null : chosen()));
}

function field(element, context, type, initial) {
  const attributes = { class: "field", "aria-label": context.label, placeholder: element.placeholder && plain(element.placeholder),
    maxlength: element.max_length, onchange: (event) => context.act?.(element, event.currentTarget) };
  const node = element.multiline ? el("textarea", { ...attributes, rows: "4" }) : el("input", { ...attributes, type });
  node.value = initial ?? "";
  return keep(node, element, () => node.value);
}

function overflow(element, context) {
  const list = el("ul", { class: "overflow-list", role: "menu", hidden: true });
  const open = el("button", { type: "button", class: "button", "aria-label": "More actions", "aria-haspopup": "menu", "aria-expanded": "false" }, "⋯");
  const show = (shown) => { list.hidden = !shown; open.setAttribute("aria-expanded", String(shown)); if (shown) list.querySelector("button").focus(); };
  open.addEventListener("click", () => show(list.hidden));
  list.append(...optionsOf(element).map((option) => el("li", { role: "none" }, el("button", { type: "button", role: "menuitem",
    onclick: () => { show(false); open.focus(); context.act(element, node, option.value); } }, plain(option.text)))));
  const node = el("div", { class: "overflow", onkeydown: (event) => {
    if (event.key === "Escape" && !list.hidden) { event.stopPropagation(); show(false); open.focus(); }
  } }, open, list);
  return node;
}

const MAKERS = {
  static_select: (e, c) => staticMenu(e, c, false), multi_static_select: (e, c) => staticMenu(e, c, true),
  users_select: (e, c) => idMenu(e, c, "user", false), multi_users_select: (e, c) => idMenu(e, c, "user", true),
  channels_select: (e, c) => idMenu(e, c, "channel", false), multi_channels_select: (e, c) => idMenu(e, c, "channel", true),
  conversations_select: (e, c) => idMenu(e, c, "conversation", false), multi_conversations_select: (e, c) => idMenu(e, c, "conversation", true),
  checkboxes: (e, c) => boxes(e, c, "checkbox"), radio_buttons: (e, c) => boxes(e, c, "radio"), overflow,
  datepicker: (e, c) => field(e, c, "date", e.initial_date), timepicker: (e, c) => field(e, c, "time", e.initial_time),
  plain_text_input: (e, c) => field(e, c, "text", e.initial_value), email_text_input: (e, c) => field(e, c, "email", e.initial_value),
  url_text_input: (e, c) => field(e, c, "url", e.initial_value), number_input: (e, c) => field(e, c, "number", e.initial_value),
};

export function control(element, context) {
  return MAKERS[element.type]?.(element, context);
}

// What stands in every element below a node, by block id and action id.
export function valuesIn(root) {
  const values = {};
  for (const node of root.querySelectorAll("[data-action]")) {
    const block = node.closest("[data-block]").dataset.block;
    (values[block] ??= {})[node.dataset.action] = node.readValue();
  }
  return values;
}
