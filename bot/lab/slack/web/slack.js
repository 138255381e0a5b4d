// The page: one person's view of the workspace, kept up to date by server-sent events.

import { confirm, renderBlocks } from "./blocks.js";
import { valuesIn } from "./elements.js";
import { el, mrkdwn } from "./mrkdwn.js";
import { ViewsOnPage } from "./views.js";

const COMMANDS = [
  ["/clone scale 4", "ask for four clones"], ["/clone scale 1", "back to one clone"],
  ["/clone status", "what is running"], ["/clone operations", "what is waiting, running, done"],
  ["/clone audit", "who did what"], ["/clone help scale", "all about one command"], ["/clone whoami", "what you may do"], ["/clone help", "all commands"],
];
const FIRST_PERSON = "U0BOB";
const GROUP_SECONDS = 300;

const $ = (id) => document.getElementById(id);
const token = document.querySelector('meta[name="page-token"]').content;
const state = { user: sessionStorage.getItem("person") ?? FIRST_PERSON, channel: null, thread: null, view: "channel",
  connected: 0, online: true, people: new Map(), groups: new Map(), channels: new Map(), messages: new Map(), unread: new Set() };
const names = {
  get me() { return state.user; },
  person: (id) => state.people.get(id)?.name,
  channel: (id) => state.channels.get(id)?.name,
  group: (id) => state.groups.get(id)?.handle,
  people: () => [...state.people.values()].filter((person) => !person.deactivated).map((person) => [person.id, person.name]),
  channels: () => [...state.channels.values()].filter((channel) => !channel.direct).map((channel) => [channel.id, channel.name]),
};

// -- talking to the server ---------------------------------------------------------------------------

let stream = null;

function follow(user) {
  stream?.close();
  state.user = user;
  sessionStorage.setItem("person", user);
  stream = new EventSource(`/page/events?user=${encodeURIComponent(user)}`);
  const on = (name, act) => stream.addEventListener(name, (event) => { act(JSON.parse(event.data)); draw(); });
  on("snapshot", takeSnapshot);
  on("message", takeMessage);
  on("removed", (message) => state.messages.delete(key(message)));
  on("views", (views) => { state.views = views; });
  on("presence", ({ connected }) => { state.connected = connected; });
  stream.onerror = () => { state.online = false; draw(); };
}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Page-Token": token } });
  if (answer.ok) return answer.json();
  const { error } = await answer.json().catch(() => ({ error: `The lab answered ${answer.status}. Load the page again.` }));
  throw new Error(error);
}

function toast(text) {
  const note = el("div", { class: "toast" }, text);
  $("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

const key = (message) => `${message.channel} ${message.ts}`;

function takeSnapshot(all) {
  Object.assign(state, { connected: all.connected, online: true, views: all.views });
  state.people = new Map(all.people.map((person) => [person.id, person]));
  state.groups = new Map(all.groups.map((group) => [group.id, group]));
  state.channels = new Map(all.channels.map((channel) => [channel.id, channel]));
  state.messages = new Map(all.messages.map((message) => [key(message), message]));
  $("team").textContent = all.team;
  if (!state.channels.has(state.channel)) state.channel = all.channels[0]?.id ?? null;
  wantBottom = true;
}

function takeMessage(message) {
  const isNew = !state.messages.has(key(message));
  state.messages.set(key(message), message);
  const shown = message.channel === state.channel && state.view === "channel";
  if (isNew && !shown && message.user !== state.user) state.unread.add(message.channel);
}

// -- drawing -----------------------------------------------------------------------------------------

let wantBottom = true;

function draw() {
  drawSidebar();
  drawBar();
  if (state.view === "channel") drawChannel();
  drawThread();
  drawTabs();
  views.draw(state.views);
  document.title = `${state.unread.size ? "• " : ""}${state.channels.get(state.channel)?.name ?? ""} – ${$("team").textContent}`;
}

function drawTabs() {
  const direct = state.view === "channel" && state.channels.get(state.channel)?.direct;
  if (!direct) state.home = false;
  $("tabs").hidden = !direct;
  $("tab-home").setAttribute("aria-selected", String(Boolean(state.home)));
  $("tab-messages").setAttribute("aria-selected", String(!state.home));
  $("home").hidden = !state.home;
  $("view-channel").hidden = state.view !== "channel" || Boolean(state.home);
}

function drawSidebar() {
  const place = (channel) => el("li", {}, el("a", {
    class: "place" + (state.unread.has(channel.id) ? " unread" : ""), href: "#" + channel.id,
    "aria-current": state.view === "channel" && state.channel === channel.id ? "page" : false,
  }, el("span", { class: "sign" }, channel.direct ? el("span", { class: "dot" + (state.connected ? " on" : "") }) : "#"),
  channel.direct ? "clonebot" : channel.name));
  const all = [...state.channels.values()];
  reconcile($("channels"), all.filter((c) => !c.direct).map((c) => [c.id, [c, state.unread.has(c.id), state.channel, state.view], () => place(c)]));
  reconcile($("apps"), all.filter((c) => c.direct).map((c) => [c.id, [c, state.unread.has(c.id), state.connected, state.channel, state.view], () => place(c)]));
  const people = [...state.people.values()].filter((person) => !person.bot);
  reconcile($("people"), people.map((person) => [person.id, [person, state.user], () => personButton(person)]));
  for (const link of document.querySelectorAll("a[data-view]")) {
    link.toggleAttribute("aria-current", link.dataset.view === state.view);
  }
}

function personButton(person) {
  return el("li", {}, el("button", { type: "button", class: "person", "data-person": person.id, disabled: person.deactivated,
    "aria-pressed": String(person.id === state.user) },
  avatar(person), el("span", {}, el("b", {}, person.name), el("small", {}, person.deactivated ? "deactivated" : person.title))));
}

function drawBar() {
  const channel = state.channels.get(state.channel);
  const titles = { site: "The site", records: "How to read the records" };
  $("title").textContent = titles[state.view] ?? (channel ? (channel.direct ? "clonebot" : `# ${channel.name}`) : "");
  $("purpose").textContent = state.view === "channel" && channel ? [channel.purpose, `${channel.members} members`].filter(Boolean).join(" · ") : "";
  $("presence").className = state.connected && state.online ? "on" : "off";
  $("presence").textContent = !state.online ? "the lab does not answer" : state.connected ? "clonebot is connected" : "the bot is not connected (starting?)";
  $("offline").hidden = state.online && state.connected > 0;
  $("offline").textContent = state.online ? "The bot is not connected (starting?). Commands fail until it is."
    : "The lab does not answer. This page tries again by itself.";
  const place = channel && `Message ${channel.direct ? "clonebot" : "#" + channel.name}`;
  $("input").placeholder = !channel ? "" : narrow() ? place : `${place} as ${names.person(state.user)}, or type /clone`;
  drawFirstStep();
}

function drawFirstStep() {
  const first = names.person(FIRST_PERSON) ?? "bob";
  reconcile($("first-step"), [["step", [state.user, first], () => state.user === FIRST_PERSON
    ? el("span", {}, "You are ", el("b", {}, first), ".")
    : el("span", {}, "Switch to ", el("button", { type: "button", class: "example", "data-person": FIRST_PERSON }, first), ".")]]);
}

function drawChannel() {
  const scroll = $("scroll");
  const atBottom = wantBottom || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  const channel = state.channels.get(state.channel);
  $("welcome").hidden = !channel || channel.id !== [...state.channels.keys()][0];
  const before = $("messages").childElementCount;
  drawMessages($("messages"), top(state.channel), { replies: true });
  if (channel && !channel.bot_is_in && !$("messages").childElementCount) {
    $("messages").append(el("li", { class: "quiet" }, "Clonebot is not in this channel."));
  }
  if (atBottom) scroll.scrollTop = scroll.scrollHeight;
  $("newer").hidden = atBottom || (before === $("messages").childElementCount && $("newer").hidden);
  wantBottom = false;
}

function top(channel) {
  return [...state.messages.values()].filter((message) => message.channel === channel && !message.thread_ts).sort(byTime);
}

function replies(message) {
  return [...state.messages.values()].filter((m) => m.channel === message.channel && m.thread_ts === message.ts).sort(byTime);
}

const byTime = (a, b) => Number(a.ts) - Number(b.ts);

function drawThread() {
  const parent = state.thread && state.messages.get(state.thread);
  const show = Boolean(parent) && state.view === "channel" && parent.channel === state.channel;
  $("thread").hidden = !show;
  $("app").classList.toggle("with-thread", show);
  if (!show) return;
  const scroll = $("thread-scroll");
  const atBottom = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  drawMessages($("thread-messages"), [parent, ...replies(parent)], { replies: false });
  if (atBottom) scroll.scrollTop = scroll.scrollHeight;
}

function drawMessages(list, messages, options) {
  const items = [];
  let previous = null;
  for (const message of messages) {
    const date = new Date(Number(message.ts) * 1000).toDateString();
    if (options.replies && date !== (previous && new Date(Number(previous.ts) * 1000).toDateString())) {
      const word = date === new Date().toDateString() ? "Today" : date;
      items.push([date, word, () => el("li", { class: "day" }, el("span", {}, word))]);
    }
    const joined = previous && previous.user === message.user && previous.ephemeral === message.ephemeral
      && Number(message.ts) - Number(previous.ts) < GROUP_SECONDS;
    const answers = options.replies ? replies(message) : [];
    items.push([key(message), [message, joined, answers.map((m) => m.ts), state.user, names.person(message.user)],
      () => drawMessage(message, joined, answers)]);
    previous = message;
  }
  reconcile(list, items);
}

// Keep nodes whose data did not change, so that focus, selection and scrolling survive.
function reconcile(list, items) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map(([id, data, make]) => {
    const signature = JSON.stringify(data);
    const old = known.get(id);
    if (old && old.signature === signature) return old;
    const node = make();
    node.dataset.key = id;
    node.signature = signature;
    return node;
  });
  const focused = document.activeElement?.closest?.("[data-key]");
  nodes.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null); });
  while (list.children.length > nodes.length) list.lastChild.remove();
  if (focused && list.contains(focused) === false && known.get(focused.dataset.key) === focused) {
    nodes.find((node) => node.dataset.key === focused.dataset.key)?.querySelector("button, a")?.focus();
  }
}

function avatar(person) {
  if (person?.bot) return el("span", { class: "avatar bot", "aria-hidden": "true" }, "≡");
  const face = el("span", { class: "avatar", "aria-hidden": "true" }, (person?.name ?? "?")[0].toUpperCase());
  const hue = [...(person?.id ?? "")].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  face.style.background = `hsl(${hue} 45% 42%)`;
  return face;
}

function clock(ts, seconds) {
  const date = new Date(Number(ts) * 1000);
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) });
}

function drawMessage(message, joined, answers) {
  const person = state.people.get(message.user);
  const time = el("time", { class: "time", title: new Date(Number(message.ts) * 1000).toString() }, clock(message.ts));
  const head = el("div", { class: "head" }, el("b", {}, person?.real_name ?? message.user), person?.bot && el("span", { class: "tag" }, "APP"), time);
  const body = message.blocks.length ? renderBlocks(message.blocks, { names, click: (element, node, value) => press({ channel: message.channel, ts: message.ts }, element, node, value, node.closest(".body")) })
    : [mrkdwn(message.text, names)];
  body.push(...(message.files ?? []).map(file));
  const mark = message.edited && !message.blocks.length && el("span", { class: "edited" }, " (edited)");
  return el("li", { class: "message" + (joined ? " joined" : "") + (message.ephemeral ? " ephemeral" : "") },
    el("div", { class: "side" }, joined ? time.cloneNode(true) : avatar(person)),
    el("div", { class: "content" },
      message.ephemeral && el("div", { class: "only-you" }, "Only visible to you"),
      !joined && head, el("div", { class: "body" }, ...body, mark),
      message.reactions.length > 0 && el("div", { class: "reactions" }, ...message.reactions.map(([name]) => el("span", {}, mrkdwn(`:${name}:`, names), "1"))),
      answers.length > 0 && el("button", { type: "button", class: "replies", onclick: () => openThread(message) },
        `${answers.length} ${answers.length === 1 ? "reply" : "replies"}`, el("span", { class: "beside" }, `last at ${clock(answers.at(-1).ts, true)}`))),
    !message.ephemeral && !message.thread_ts && el("button", { type: "button", class: "reply", title: "Reply in thread", "aria-label": "Reply in thread", onclick: () => openThread(message) }, "↩ Reply"));
}

function file(described) {
  const address = new URL(described.url_private).pathname;
  const name = described.title || described.name;
  return el("figure", { class: "file" }, el("figcaption", {}, el("a", { href: address, target: "_blank", rel: "noopener", download: described.name }, name)),
    described.mimetype.startsWith("image/") && el("img", { src: address, alt: described.alt_txt || name, class: "large", loading: "lazy" }));
}

// -- what the person does ----------------------------------------------------------------------------

async function press(place, element, button, value, around) {
  if (element.confirm && !(await confirm(element.confirm, names))) return;
  button.disabled = true;
  button.classList.add("busy");
  try {
    await post("/page/click", { user: state.user, ...place, action_id: element.action_id, value, values: around ? valuesIn(around) : {} });
  } catch (error) {
    toast(error.message);
  }
  button.disabled = false;
  button.classList.remove("busy");
}

const views = new ViewsOnPage(names, (path, body) => post(path, { user: state.user, ...body }), toast, press);

function showTab(home) {
  state.home = home;
  if (home) post("/page/home", { user: state.user }).catch((error) => toast(error.message));
  draw();
}

$("tab-home").addEventListener("click", () => showTab(true));
$("tab-messages").addEventListener("click", () => showTab(false));
$("tabs").addEventListener("keydown", (event) => {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  showTab(!state.home);
  $(state.home ? "tab-home" : "tab-messages").focus();
});

function openThread(message) {
  state.thread = key(message);
  draw();
  $("thread-scroll").scrollTop = $("thread-scroll").scrollHeight;
  if (!narrow()) $("thread-input").focus();
}

const narrow = () => matchMedia("(max-width: 760px)").matches;

function become(user) {
  closeMenu();
  if (user === state.user) return;
  state.unread.clear();
  toastOnce(user);
  follow(user);
  if (!narrow()) $("input").focus();
}

function toastOnce(user) {
  const note = el("div", { class: "toast calm" }, `You are ${names.person(user)} now`);
  $("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 1800);
}

class Composer {
  constructor(form, input, target) {
    Object.assign(this, { form, input, target, at: -1, sent: JSON.parse(sessionStorage.getItem("sent") ?? "[]") });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("input", () => { this.at = -1; this.grow(); });
  }

  onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.send(); }
    if (event.key === "ArrowUp" && (this.input.value === "" || this.at >= 0)) { event.preventDefault(); this.recall(1); }
    if (event.key === "ArrowDown" && this.at >= 0) { event.preventDefault(); this.recall(-1); }
  }

  recall(step) {
    this.at = Math.min(this.at + step, this.sent.length - 1);
    this.fill(this.at < 0 ? "" : this.sent[this.at], this.at);
  }

  fill(text, at = -1) {
    this.input.value = text;
    this.grow();
    this.at = at;
    this.input.focus();
    this.input.setSelectionRange(text.length, text.length);
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = Math.min(this.input.scrollHeight, 160) + "px";
    if (this.input === $("input")) drawHints();
  }

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.sent = [text, ...this.sent.filter((old) => old !== text)].slice(0, 50);
    sessionStorage.setItem("sent", JSON.stringify(this.sent));
    this.fill("");
    wantBottom = true;
    try {
      await post("/page/type", { user: state.user, text, ...this.target() });
    } catch (error) {
      toast(error instanceof TypeError ? "The lab does not answer. Your text is back in the box." : error.message);
      if (!this.input.value) this.fill(text);
    }
  }
}

const composer = new Composer($("composer"), $("input"), () => ({ channel: state.channel }));
new Composer($("thread-composer"), $("thread-input"), () => {
  const parent = state.messages.get(state.thread);
  return { channel: parent.channel, thread: parent.ts };
});

function drawHints() {
  const typed = $("input").value;
  const fitting = typed.startsWith("/") ? COMMANDS.filter(([command]) => command.startsWith(typed) && command !== typed) : [];
  $("hints").hidden = !fitting.length;
  $("hints").replaceChildren(...fitting.map(([command, meaning]) => el("li", {},
    el("button", { type: "button", tabindex: "-1", onclick: () => composer.fill(command) }, el("code", {}, command), " ", el("small", {}, meaning)))));
}

$("input").addEventListener("keydown", (event) => {
  const first = $("hints").hidden ? null : $("hints").querySelector("code");
  if (event.key === "Tab" && first && !event.shiftKey) { event.preventDefault(); composer.fill(first.textContent); }
  if (event.key === "Escape") $("hints").hidden = true;
});

// -- moving around -----------------------------------------------------------------------------------

function closeMenu() {
  $("app").classList.remove("menu-open");
  $("shade").hidden = true;
  $("menu").setAttribute("aria-expanded", "false");
}

function go() {
  const [place, ts] = decodeURIComponent(location.hash.slice(1)).split("/");
  state.view = ["site", "records"].includes(place) ? place : "channel";
  if (state.view === "channel" && (state.channels.has(place) || (place && !state.channels.size))) {
    wantBottom = wantBottom || state.channel !== place;
    state.channel = place;
    state.unread.delete(place);
    if (ts) state.thread = `${place} ${ts}`;
  }
  for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== `view-${state.view}`;
  if (state.view === "site" && !$("site-frame").hasAttribute("src")) $("site-frame").src = "/site/";
  if (state.view === "channel") state.unread.delete(state.channel);
  closeMenu();
  draw();
}

$("menu").addEventListener("click", () => {
  const open = $("app").classList.toggle("menu-open");
  $("shade").hidden = !open;
  $("menu").setAttribute("aria-expanded", String(open));
});
$("shade").addEventListener("click", closeMenu);
$("reload").addEventListener("click", () => { $("site-frame").src = "/site/"; });
$("close-thread").addEventListener("click", () => { state.thread = null; draw(); $("input").focus(); });
$("newer").addEventListener("click", () => { wantBottom = true; draw(); });
$("scroll").addEventListener("scroll", () => {
  if ($("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < 60) $("newer").hidden = true;
});
document.addEventListener("click", (event) => {
  const person = event.target.closest("[data-person]");
  const example = event.target.closest("[data-fill]");
  if (person) become(person.dataset.person);
  if (example) composer.fill(example.dataset.fill);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if ($("app").classList.contains("menu-open")) closeMenu();
  else if (state.thread) { state.thread = null; draw(); $("input").focus(); }
});
addEventListener("hashchange", go);
go();
follow(state.user);
if (!narrow()) $("input").focus();
