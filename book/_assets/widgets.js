// Draws the anywidgets of a page from the state that the notebook saved: no kernel, no manager.
(function () {
  "use strict";
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const STATE = "application/vnd.jupyter.widget-state+json";

  function bytes(text) {
    const raw = atob(text);
    const array = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
    return new DataView(array.buffer);
  }

  // What a widget's JavaScript calls its model: its traits, and nobody behind them.
  function modelOf(saved) {
    const state = { ...saved.state };
    for (const { path, data } of saved.buffers || []) {
      const holder = path.slice(0, -1).reduce((value, key) => value[key], state);
      holder[path[path.length - 1]] = bytes(data);
    }
    const handlers = new Map();
    const fire = (name) => (handlers.get(name) || []).forEach((handler) => handler());
    return {
      get: (name) => state[name],
      set: (name, value) => {
        state[name] = value;
        fire(`change:${name}`);
      },
      on: (name, handler) => handlers.set(name, [...(handlers.get(name) || []), handler]),
      off: (name) => handlers.delete(name),
      save_changes: () => {},
      send: () => {},
    };
  }

  function addStyle(id, css) {
    if (document.querySelector(`style[data-widget="${id}"]`)) return;
    const style = document.createElement("style");
    style.dataset.widget = id;
    style.textContent = css;
    document.head.append(style);
  }

  async function draw(script, model) {
    const area = document.createElement("div");
    area.className = "widget-subarea";
    script.before(area);
    addStyle(model.get("_anywidget_id"), model.get("_css") || "");
    const url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
    try {
      const { default: widget } = await import(url);
      await widget.render({ model, el: area });
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  document.addEventListener("DOMContentLoaded", async function () {
    const views = [...document.querySelectorAll(`script[type="${VIEW}"]`)];
    const saved = {};
    for (const script of document.querySelectorAll(`script[type="${STATE}"]`)) {
      Object.assign(saved, JSON.parse(script.textContent).state);
    }
    const models = {};
    for (const script of views) {
      const id = JSON.parse(script.textContent).model_id;
      models[id] = models[id] || modelOf(saved[id]);
      await draw(script, models[id]).catch((error) => console.error(error)); // the next one may do
      await new Promise((done) => setTimeout(done)); // let the page breathe
    }
  });
})();
