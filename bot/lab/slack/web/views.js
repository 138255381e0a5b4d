// The modal in front and the home tab.

import { renderBlocks } from "./blocks.js";
import { valuesIn } from "./elements.js";
import { el, plain } from "./mrkdwn.js";

const $ = (id) => document.getElementById(id);

export class ViewsOnPage {
  constructor(names, post, toast, press) {
    Object.assign(this, { names, post, toast, press, shown: null, homeShown: null });
    $("modal").addEventListener("cancel", (event) => { event.preventDefault(); this.close(); });
    $("modal-form").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    $("modal-close").addEventListener("click", () => this.close());
    $("modal-cross").addEventListener("click", () => this.close());
  }

  draw(views) {
    this.drawHome(views?.home);
    const view = views?.modal ?? null;
    const mark = view && view.id + view.hash;
    if (mark === this.shown) return;
    this.shown = mark;
    this.view = view;
    if (!view) {
      if ($("modal").open) $("modal").close();
      return;
    }
    $("modal-title").textContent = plain(view.title);
    $("modal-body").replaceChildren(...this.blocks(view));
    $("modal-send").hidden = !view.submit;
    $("modal-send").textContent = view.submit ? plain(view.submit) : "";
    $("modal-close").textContent = view.close ? plain(view.close) : views.below ? "Back" : view.submit ? "Cancel" : "Close";
    $("modal-error").textContent = "";
    if (!$("modal").open) $("modal").showModal();
    $("modal-body").querySelector("input, textarea, select, button")?.focus();
  }

  drawHome(home) {
    const mark = home ? home.id + home.hash : "";
    if (mark === this.homeShown) return;
    this.homeShown = mark;
    $("home-body").replaceChildren(...(home ? this.blocks(home) : [el("p", { class: "quiet" }, "This app has nothing here yet.")]));
  }

  blocks(view) {
    return renderBlocks(view.blocks, { names: this.names, click: (element, node, value) => this.press(
      { view_id: view.id }, element, node, value, node.closest(".view-blocks")) });
  }

  complain(errors) {
    for (const [block, text] of Object.entries(errors)) {
      const place = [...$("modal-body").querySelectorAll("[data-block]")].find((node) => node.dataset.block === block);
      place?.append(el("p", { class: "wrong", role: "alert" }, text));
      place?.querySelector("[data-action]")?.setAttribute("aria-invalid", "true");
    }
    $("modal-body").querySelector("[aria-invalid]")?.focus();
  }

  async send() {
    for (const old of $("modal-body").querySelectorAll(".wrong")) old.remove();
    for (const old of $("modal-body").querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
    $("modal-error").textContent = "";
    $("modal-send").disabled = true;
    try {
      const { errors } = await this.post("/page/submit", { values: valuesIn($("modal-body")) });
      this.complain(errors ?? {});
    } catch (error) {
      $("modal-error").textContent = `We had some trouble connecting. Try again? (${error.message})`;
    }
    $("modal-send").disabled = false;
  }

  async close() {
    try {
      await this.post("/page/close", {});
    } catch (error) {
      this.toast(error.message);
    }
  }
}
