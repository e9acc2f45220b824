// Choosing a photograph, the reader's own or one that the page brings along, and a frame on it.

const TAP = 8; // pixels that a finger may travel and still have tapped

// A slider of one number of `state`, which shows and speaks it as `say` puts it.
function numberSlider(state, { key, label, max, step, say }, onchange) {
  const input = element("input", { type: "range", min: 0, max, step, value: 0, oninput: () => {
    state[key] = Number(input.value);
    onchange(key);
  } });
  const output = element("output", { "aria-hidden": "true" });
  const show = () => {
    input.value = state[key];
    output.textContent = say(state[key]);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { root: labelled(label, input, output), show };
}

// Runs `work` at the next frame, once, however often it is asked to before that.
function oncePerFrame(work) {
  let request = null;
  return () => {
    request ??= requestAnimationFrame(() => {
      request = null;
      work();
    });
  };
}

class PhotographPicker {
  // `side` of the frame in pixels; `onchange()` after every change of photograph or frame.
  constructor(model, side, onchange) {
    this.model = model;
    this.photographs = model.get("index").photographs;
    this.side = side;
    this.onchange = onchange;
    this.state = { photo: 0, left: 64, top: 64 }; // photo -1: the reader's own
    this.file = element("input", { type: "file", accept: "image/*", class: "ddr-hidden", tabindex: -1,
      "aria-label": "Photograph file", onchange: () => this.take(this.file.files[0]) });
    this.thumbnails = element("div", { class: "ddr-thumbs", role: "group", "aria-label": "Photographs" });
    this.bar = element("div", { class: "ddr-row" },
      button("Choose a photograph…", () => this.file.click()), this.file, this.thumbnails);
    this.note = element("p", { class: "ddr-note" },
      "Or drop one here. It stays on this page: everything is computed by your browser, nothing is sent.");
    this.problem = element("p", { class: "ddr-problem", role: "alert" });
    this.canvas = element("canvas", { role: "img", "aria-label": "The whole photograph" });
    this.frame = element("div", {
      class: "ddr-window", tabindex: 0, role: "application", onkeydown: (event) => this.key(event),
    });
    this.whole = element("div", { class: "ddr-whole" }, this.canvas, this.frame);
    this.credit = element("p", { class: "ddr-note" });
    this.figure = element("figure", {}, this.whole,
      element("figcaption", {}, "Drag the frame, tap where it should go, or move it with the arrow keys."), this.credit);
    this.followPointer();
  }

  // The photographs that the page brings along; then the first of them is shown.
  async start() {
    this.shipped = await Promise.all(this.model.get("pictures").map(
      async (bytes) => drawUpright(await createImageBitmap(new Blob([bytesOf(bytes)])), 1),
    ));
    this.shipped.forEach(({ width, height, rgb }, k) => {
      const canvas = element("canvas", {});
      paint(canvas, width, height, (at) => 255 * rgb[at]);
      const { name } = this.photographs[k];
      this.thumbnails.append(element("button", {
        type: "button", "aria-label": name, title: name, onclick: () => this.choose(k),
      }, canvas));
    });
    if (!pixelsAreTrue()) {
      this.problem.textContent = "This browser alters the pixels that a page reads (a guard against "
        + "tracking), so nothing below is exact. Allow canvas reading for this page, or use another browser.";
    }
    this.choose(0);
  }

  // Files may be dropped anywhere on `root`.
  acceptDrops(root) {
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("ddr-over");
    });
    root.addEventListener("dragleave", () => root.classList.remove("ddr-over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("ddr-over");
      this.take(event.dataTransfer.files[0]);
    });
  }

  // What is in the frame: (side, side, 3).
  part() {
    return cut(this.shown, this.state.left, this.state.top, this.side);
  }

  // A photograph of the reader's.
  async take(file) {
    this.problem.textContent = "";
    try {
      if (!file) throw new Error("That was not a file. Save the picture first, then drop or choose it.");
      this.open(await readPhoto(file, this.side), -1, file.name);
    } catch (error) {
      this.problem.textContent = error.message;
    }
    this.file.value = "";
  }

  choose(k, left = 64, top = 64) {
    this.problem.textContent = "";
    Object.assign(this.state, { left, top });
    this.open(this.shipped[k], k, this.photographs[k].name);
  }

  open(photo, k, name) {
    this.shown = photo;
    this.state.photo = k;
    const { width, height, rgb } = photo;
    paint(this.canvas, width, height, (at) => 255 * rgb[at]);
    this.whole.style.aspectRatio = `${width} / ${height}`;
    this.whole.style.maxWidth = `min(100%, ${Math.round((24 * width) / height)}rem)`;
    [...this.thumbnails.children].forEach((thumb, i) => thumb.setAttribute("aria-pressed", i === k));
    const about = this.photographs[k];
    this.credit.textContent = about
      ? `Photograph “${about.name}”: ${about.author}, ${about.licence}; reduced and cropped.`
      : `${name}, reduced to ${width} × ${height} pixels.`;
    this.moveTo(this.state.left, this.state.top);
  }

  moveTo(left, top) {
    const { shown, side, state } = this;
    state.left = between(Math.round(left), 0, shown.width - side);
    state.top = between(Math.round(top), 0, shown.height - side);
    const share = (v, of) => `${(100 * v) / of}%`;
    Object.assign(this.frame.style, {
      left: share(state.left, shown.width), top: share(state.top, shown.height),
      width: share(side, shown.width), height: share(side, shown.height),
    });
    this.frame.setAttribute("aria-label",
      `Frame on the photograph: ${state.left} from the left, ${state.top} from the top. Arrow keys move it.`);
    this.onchange();
  }

  key(event) {
    const step = event.shiftKey ? 16 : 4;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [across, down] = moves[event.key];
    this.moveTo(this.state.left + across, this.state.top + down);
  }

  // The frame can be dragged, and comes to where the photograph is tapped. A finger that moves there
  // scrolls the page; a mouse, which does not, takes the frame along from wherever it is pressed.
  followPointer() {
    let grip = null; // where in the frame it is held
    let pressed = null; // where a finger came down beside the frame
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const scale = this.shown.width / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    const middle = [this.side / 2, this.side / 2];
    const follow = (event, [across, down]) => {
      const [x, y] = place(event);
      this.moveTo(x - across, y - down);
    };
    this.whole.addEventListener("pointerdown", (event) => {
      if (!this.shown || event.button || !event.isPrimary) return;
      const [x, y] = place(event);
      if (event.target === this.frame) grip = [x - this.state.left, y - this.state.top];
      else if (event.pointerType === "mouse") grip = middle;
      else pressed = [event.clientX, event.clientY];
      if (!grip) return;
      this.whole.setPointerCapture(event.pointerId);
      follow(event, grip);
    });
    this.whole.addEventListener("pointermove", (event) => {
      if (grip) follow(event, grip);
      else if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) >= TAP) pressed = null;
    });
    this.whole.addEventListener("pointerup", (event) => pressed && follow(event, middle));
    ["pointerup", "pointercancel"].forEach((name) => this.whole.addEventListener(name, () => {
      [grip, pressed] = [null, null];
    }));
  }
}
