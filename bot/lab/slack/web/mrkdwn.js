// Slack's mrkdwn as DOM nodes. Text never becomes HTML: nothing here uses innerHTML.

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", negative_squared_cross_mark: "❎",
  warning: "⚠️", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", rotating_light: "🚨", fire: "🔥", boom: "💥",
  information_source: "ℹ️", question: "❓", grey_question: "❔", exclamation: "❗", bangbang: "‼️", bulb: "💡", bell: "🔔",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰", clock1: "🕐", calendar: "📅", date: "📅",
  rocket: "🚀", tada: "🎉", sparkles: "✨", star: "⭐", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", eyes: "👀",
  wave: "👋", pray: "🙏", raised_hand: "✋", point_right: "👉", robot_face: "🤖", bust_in_silhouette: "👤",
  busts_in_silhouette: "👥", lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️", mag: "🔍", memo: "📝", clipboard: "📋",
  book: "📖", bookmark: "🔖", package: "📦", camera: "📷", camera_with_flash: "📸", floppy_disk: "💾", file_folder: "📁",
  gear: "⚙️", wrench: "🔧", hammer: "🔨", hammer_and_wrench: "🛠️", link: "🔗", computer: "💻", desktop_computer: "🖥️",
  satellite: "🛰️", globe_with_meridians: "🌐", cloud: "☁️", chart_with_upwards_trend: "📈",
  chart_with_downwards_trend: "📉", bar_chart: "📊", moneybag: "💰", money_with_wings: "💸", dollar: "💵", snowflake: "❄️",
  zzz: "💤", skull: "💀", ghost: "👻", bug: "🐛", seedling: "🌱", crown: "👑", dna: "🧬", sheep: "🐑", test_tube: "🧪",
  arrow_up: "⬆️", arrow_down: "⬇️", arrow_right: "➡️", arrow_left: "⬅️", arrows_counterclockwise: "🔄", repeat: "🔁",
  leftwards_arrow_with_hook: "↩️", heavy_plus_sign: "➕", heavy_minus_sign: "➖", wastebasket: "🗑️", broom: "🧹",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", red_circle: "🔴", large_blue_circle: "🔵",
  white_circle: "⚪", black_circle: "⚫", large_green_square: "🟩", large_yellow_square: "🟨", large_red_square: "🟥",
  white_large_square: "⬜", black_large_square: "⬛", small_blue_diamond: "🔹", black_small_square: "▪️",
  traffic_light: "🚦", construction: "🚧", checkered_flag: "🏁", one: "1️⃣", two: "2️⃣", three: "3️⃣", four: "4️⃣", five: "5️⃣",
  smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔", sweat_smile: "😅", cry: "😢", heart: "❤️", electric_plug: "🔌",
  no_bell: "🔕", mailbox: "📫", outbox_tray: "📤", inbox_tray: "📥", pushpin: "📌", round_pushpin: "📍", ok: "🆗", new: "🆕",
  raising_hand: "🙋", double_vertical_bar: "⏸️", arrow_forward: "▶️", black_square_for_stop: "⏹️", fast_forward: "⏩",
};

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

export const emoji = (text) => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all);

// The signs that carry meaning are drawn, since not every machine has a font with them.
const SIGNS = { "✅": "done", "❌": "failed", "⏳": "doing", "▫️": "to-do", "✋": "asks", "🕒": "waits", "🚫": "denied", "⚠️": "warns" };
const SIGN = new RegExp(`(${Object.keys(SIGNS).join("|")})`);

function written(text) {
  const nodes = document.createDocumentFragment();
  nodes.append(...unescape(emoji(text)).split(SIGN)
    .map((part) => (SIGNS[part] ? el("span", { class: `drawn ${SIGNS[part]}` }, part) : part)));
  return nodes;
}

// What an address may start with; javascript: and data: stay text.
const safe = (address) => (/^(https?:\/\/|mailto:)/i.test(address) ? address : null);

function anchor(address, label) {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label);
}

function pad(number) {
  return String(number).padStart(2, "0");
}

function day(date, style) {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: style === "short" ? "short" : "long",
    ...(style === "long" ? { weekday: "long" } : {}), year: "numeric" });
}

function pretty(date, style) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86400000);
  return { "-1": "tomorrow", 0: "today", 1: "yesterday" }[days] ?? day(date, style);
}

function ago(date) {
  const seconds = Math.round((Date.now() - date) / 1000);
  const [amount, unit] = Math.abs(seconds) < 60 ? [seconds, "second"] : Math.abs(seconds) < 3600
    ? [Math.round(seconds / 60), "minute"] : Math.abs(seconds) < 86400
    ? [Math.round(seconds / 3600), "hour"] : [Math.round(seconds / 86400), "day"];
  return new Intl.RelativeTimeFormat("en").format(-amount, unit);
}

function formatDate(stamp, format) {
  const date = new Date(Number(stamp) * 1000);
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  const parts = {
    date_num: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`, date: day(date),
    date_slash: `${pad(date.getDate())}/${pad(date.getMonth() + 1)}/${date.getFullYear()}`,
    date_short: day(date, "short"), date_long: day(date, "long"), date_pretty: pretty(date), date_short_pretty: pretty(date, "short"),
    date_long_pretty: pretty(date, "long"), time, time_secs: `${time}:${pad(date.getSeconds())}`, ago: ago(date),
  };
  return format.replace(/\{(\w+)\}/g, (all, name) => parts[name] ?? all);
}

function special(body, names) {
  const [target, ...rest] = body.split("|");
  const label = rest.length ? unescape(rest.join("|")) : null;
  const mention = (text, mine) => el("span", { class: mine ? "mention me" : "mention" }, text);
  if (target.startsWith("@")) {
    return mention("@" + (names.person(target.slice(1)) ?? label ?? target.slice(1)), target.slice(1) === names.me);
  }
  if (target.startsWith("#")) return mention("#" + (names.channel(target.slice(1)) ?? label ?? target.slice(1)));
  if (target.startsWith("!subteam^")) {
    return mention("@" + (names.group(target.slice(9)) ?? (label ?? target.slice(9)).replace(/^@/, "")));
  }
  if (target.startsWith("!date^")) {
    const [, stamp, format, address] = target.split("^");
    const known = /^\d+$/.test(stamp ?? "") && format;
    const shown = el("time", { title: label }, known ? unescape(formatDate(stamp, format)) : label ?? "");
    return address && safe(address) ? anchor(safe(address), shown) : shown;
  }
  if (/^!(here|channel|everyone)/.test(target)) return mention("@" + target.slice(1), true);
  const address = safe(unescape(target));
  return address ? anchor(address, emoji(label ?? address)) : document.createTextNode(unescape(`<${body}>`));
}

const between = (mark) => new RegExp(`(?<![\\w${mark}])\\${mark}(?=\\S)([^${mark}\\n]*?\\S)\\${mark}(?![\\w${mark}])`);
const wrap = (tag) => (match, names) => el(tag, {}, inline(match[1], names));

const RULES = [
  [/`([^`\n]+)`/, (match) => el("code", {}, unescape(match[1]))],
  [/<([^<>\n]+)>/, (match, names) => special(match[1], names)],
  [between("*"), wrap("strong")],
  [between("_"), wrap("em")],
  [between("~"), wrap("s")],
  [/https?:\/\/[^\s<>|`*]*[^\s<>|`*.,;:!?)]/, (match) => anchor(unescape(match[0]), unescape(match[0]))],
];

function inline(text, names) {
  const nodes = document.createDocumentFragment();
  let rest = text;
  while (rest) {
    let first = null;
    for (const [pattern, make] of RULES) {
      const match = pattern.exec(rest);
      if (match && (!first || match.index < first.match.index)) first = { match, make };
    }
    if (!first) break;
    nodes.append(written(rest.slice(0, first.match.index)), first.make(first.match, names));
    rest = rest.slice(first.match.index + first.match[0].length);
  }
  nodes.append(written(rest));
  return nodes;
}

function line(text, names) {
  const bullet = /^(\s*)(•|-|◦|\d+\.) +(.*)$/.exec(text);
  if (!bullet) return el("div", { class: text.trim() ? "line" : "line blank" }, inline(text, names));
  const sign = bullet[2] === "-" ? "•" : bullet[2];
  return el("div", { class: "line item" }, el("span", { class: /\d/.test(sign) ? "bullet number" : "bullet" }, sign), el("span", {}, inline(bullet[3], names)));
}

function paragraphs(text, names) {
  const nodes = [];
  let quote = null;
  for (const row of text.replace(/^\n|\n$/g, "").split("\n")) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(row);
    if (!quoted) {
      quote = null;
      nodes.push(line(row, names));
      continue;
    }
    if (!quote) nodes.push((quote = el("blockquote")));
    quote.append(line(quoted[1], names));
  }
  return nodes;
}

export function mrkdwn(text, names) {
  const root = el("div", { class: "mrkdwn" });
  text.split(/```([\s\S]*?)```/).forEach((part, index) => {
    if (index % 2) root.append(el("pre", {}, unescape(part.replace(/^\n|\n$/g, ""))));
    else if (part.trim()) root.append(...paragraphs(part, names));
  });
  return root;
}

export function plain(object) {
  return object.emoji === false ? object.text : emoji(object.text);
}

export function textObject(object, names) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, names);
  return el("div", { class: "plain" }, plain(object));
}
