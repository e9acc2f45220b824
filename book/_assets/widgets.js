// Draws the widgets of a page from the state that it carries: no kernel, no network, http:// or
// file://. Our widgets are anywidgets, whose script and style sheet are part of their state; what
// they are given is a model (https://anywidget.dev/en/afm/), and that is all there is to it.
//
// A widget is drawn when it comes near the window. Large buffers are not in the page but in files
// beside it (`ddrlib.book.states`), each a call of `ddrBuffer`, read when their model is first needed.
(function () {
  "use strict";
  const KIND = "application/vnd.jupyter.widget-";
  const NEAR = "600px"; // how far from the window a widget is drawn
  const folder = document.currentScript.src.replace(/[^/]*$/, "buffers/");
  const models = new Map(); // by id: promises
  const expected = new Map(); // buffers on their way: by name, what takes them
  const texts = new Map(); // by name: promises, since models may share a buffer
  const modules = new Map(); // by source: two widgets of one kind share their script

  window.ddrBuffer = (name, text) => expected.get(name)(text);

  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

  // A script, since pages that are opened as files may not fetch.
  function read(name) {
    if (!texts.has(name)) {
      texts.set(name, new Promise((resolve, reject) => {
        expected.set(name, resolve);
        const script = document.createElement("script");
        script.onerror = () => reject(new Error(`a part of this page, ${name}.js, cannot be read`));
        script.src = `${folder}${name}.js`;
        document.head.append(script);
      }));
    }
    return texts.get(name);
  }

  class Model {
    constructor(state) {
      this.state = state;
      this.handlers = {};
      this.widget_manager = { get_model: getModel };
    }

    get(name) {
      return this.state[name];
    }

    set(name, value) {
      this.state[name] = value;
      (this.handlers[`change:${name}`] ?? []).forEach((handler) => handler());
    }

    on(name, handler) {
      (this.handlers[name] ??= []).push(handler);
    }

    off(name, handler) {
      this.handlers[name] = (this.handlers[name] ?? []).filter((one) => one !== handler);
    }

    save_changes() {}

    send() {} // nobody listens
  }

  async function makeModel({ state, buffers = [] }) {
    await Promise.all(buffers.map(async ({ path, encoding, data }) => {
      const parent = path.slice(0, -1).reduce((node, key) => node[key], state);
      parent[path.at(-1)] = bytes(encoding === "file" ? await read(data) : data);
    }));
    return new Model(state);
  }

  let states;
  function getModel(id) {
    if (!models.has(id)) {
      if (!states?.[id]) throw new Error(`this page has no model ${id}`);
      models.set(id, makeModel(states[id]));
    }
    return models.get(id);
  }

  function moduleOf(source) {
    if (!modules.has(source)) {
      modules.set(source, import(URL.createObjectURL(new Blob([source], { type: "text/javascript" }))));
    }
    return modules.get(source);
  }

  function style(text) {
    if ([...document.querySelectorAll("style")].some((sheet) => sheet.textContent === text)) return;
    document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
  }

  async function draw(area) {
    const model = await getModel(area.dataset.model);
    if (!model.get("_esm")) throw new Error("it needs a running notebook");
    style(model.get("_css"));
    const { default: widget } = await moduleOf(model.get("_esm"));
    await widget.render({ model, el: area });
  }

  // Where a widget will be: drawn once, or a sentence that says why it is not.
  function prepare(view) {
    const area = document.createElement("div");
    area.className = "widget-subarea";
    area.dataset.model = JSON.parse(view.textContent).model_id;
    area.start = () => {
      area.start = () => {};
      draw(area).catch((error) => {
        console.error(error);
        const note = document.createElement("p");
        note.className = "ddr-missing";
        note.textContent = `This view could not be drawn: ${error.message}.`;
        area.append(note);
      });
    };
    view.before(area);
    return area;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const views = [...document.querySelectorAll(`script[type="${KIND}view+json"]`)];
    const page = document.querySelector(`script[type="${KIND}state+json"]`);
    states = page && JSON.parse(page.textContent).state;
    const areas = views.map(prepare);
    const observer = new IntersectionObserver((entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => target.start());
    }, { rootMargin: NEAR });
    areas.forEach((area) => observer.observe(area));
    // The address may be that of a view: the widget that knows it shows it, unfolded.
    if (location.hash.includes("=")) {
      areas.forEach((area) => {
        area.closest("details")?.setAttribute("open", "");
        area.start();
      });
    }
    addEventListener("beforeprint", () => areas.forEach((area) => area.start()));
  });
})();
