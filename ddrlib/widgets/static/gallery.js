// Pictures computed beforehand, chosen by named axes: a row of them, and two of them large, one over
// the other, with a line between them to move.

// The stops of axis `k`, given the choices on the axes before it (a degree belongs to its type).
function optionsOf(frames, choice, k) {
  const fitting = frames.filter(({ at }) => choice.slice(0, k).every((value, j) => at[j] === value));
  return [...new Set(fitting.map(({ at }) => at[k]))];
}

// The choice nearest to `next` that exists: each value as it is, or else the stop at its old place.
function settle(frames, next, places) {
  const choice = [];
  next.forEach((value, k) => {
    const options = optionsOf(frames, choice, k);
    const place = Math.min(places[k] ?? 0, options.length - 1);
    choice.push(options.includes(value) ? value : options[place]);
  });
  return choice;
}

// One control: a slider where the stops are numbers, a drop-down where they are names.
function axisControl(name, numeric, onchange) {
  if (numeric) {
    const slider = stops(onchange);
    return { root: labelled(name, slider.input, slider.output), show: slider.show };
  }
  const select = element("select", { onchange: () => onchange(Number(select.value)) });
  return { root: labelled(name, select), show: (options, place) => fillOptions(select, options, place) };
}

// A choice among pictures; `pictureOf(option)` is the address of one.
function pictureControl(name, pictureOf, onchange) {
  const row = element("div", { class: "ddr-thumbs" });
  const root = element("div", { class: "ddr-control", role: "group", "aria-label": name }, element("span", {}, name), row);
  const button = (option, k) => element("button", { type: "button", onclick: () => onchange(k) },
    element("img", { src: pictureOf(option), alt: `${name} ${option}` }));
  return {
    root,
    show(options, place) {
      if (!row.children.length) row.append(...options.map(button));
      [...row.children].forEach((each, k) => each.setAttribute("aria-pressed", k === place));
    },
  };
}

// A picture of the row: a click puts it to the right of the line.
function figure([caption, picture], url, context, onclick) {
  const image = element("img", { src: url(picture), alt: `${caption} (${context})` });
  const title = "Put it to the right of the line";
  const parts = caption.split(/(?<=\+)/).flatMap((part) => [element("wbr"), part]); // "blur4+noise20" is wide
  return element("figure", {}, element("button", { type: "button", title, onclick }, image), element("figcaption", {}, ...parts));
}

// Where it is pressed the line goes, and it follows. A browser moves a range by itself, but some of
// them only when its thumb is held, which cannot be seen here.
function followPointer(line, onchange) {
  const follow = (event) => {
    if (!event.buttons) return;
    const { left, width } = line.getBoundingClientRect();
    line.value = (100 * (event.clientX - left)) / width;
    onchange();
  };
  ["pointerdown", "pointermove"].forEach((name) => line.addEventListener(name, follow));
}

// Two pictures of a row, large: which ones, the reader says; where they meet, a slider over them does.
function comparison(names) {
  const images = [0, 1].map(() => element("img", { alt: "" }));
  const line = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Line between the two" });
  const stage = element("div", { class: "ddr-stage" }, ...images, line);
  const move = () => stage.style.setProperty("--line", `${line.value}%`);
  line.addEventListener("input", move);
  followPointer(line, move);
  let [shown, chosen] = [[], null];
  const selects = [0, 1].map((side) => element("select", {
    onchange: () => {
      chosen[side] = Number(selects[side].value);
      draw();
    },
  }));

  function draw() {
    images.forEach((image, side) => {
      const k = Math.max(0, Math.min(chosen[side] < 0 ? shown.length + chosen[side] : chosen[side], shown.length - 1));
      image.src = shown[k].url;
      fillOptions(selects[side], shown.map(({ caption }) => caption), k);
    });
  }

  const root = element(
    "div", { class: "ddr-compare" }, stage,
    element(
      "div", { class: "ddr-row" },
      labelled("Left of the line", selects[0]), labelled("Right of it", selects[1]),
      element("p", { class: "ddr-note" }, "Drag the line. A click on a picture below puts it to the right of the line."),
    ),
  );
  const choose = (k) => {
    chosen[1] = k;
    draw();
  };
  // At first those that the book compares, or else the input and what comes before the truth.
  const atFirst = () => [0, -2].map((place, side) => {
    const k = shown.findIndex(({ caption }) => caption.split(",")[0] === names[side]);
    return k < 0 ? place : k;
  });
  const show = (pictures) => {
    root.hidden = pictures.length < 2;
    shown = pictures;
    chosen ??= atFirst();
    if (!root.hidden) draw();
  };
  move();
  return { root, show, choose };
}

function render({ model, el }) {
  const [axes, frames, pictures, live, whose] = ["axes", "frames", "pictures", "live", "whose"].map(
    (name) => model.get(name),
  );
  const urls = new Map();
  const stored = (k) => urls.get(k) ?? urls.set(k, imageUrl(pictures[k])).get(k);
  let fresh = [];
  let choice = frames[model.get("opening")].at;
  let places = choice.map(() => 0);

  const row = element("div", { class: "ddr-pictures" });
  const large = comparison(model.get("compared"));
  const spoken = element("p", { class: "ddr-hidden", "aria-live": "polite" });
  const credit = element("p", { class: "ddr-note" });
  const show = (items, url, context) => {
    row.replaceChildren(...items.map((item, k) => figure(item, url, context, () => large.choose(k))));
    large.show(items.map(([caption, k]) => ({ caption, url: url(k) })));
    spoken.textContent = `${context}: ${items.map(([caption]) => caption).join("; ")}`;
  };

  const controls = axes.map((name, k) => {
    const numeric = frames.every(({ at }) => typeof at[k] === "number");
    const onchange = (place) => {
      places[k] = place;
      const next = [...choice];
      next[k] = optionsOf(frames, choice, k)[place];
      draw(settle(frames, next, places));
    };
    const truth = (option) => stored(frames.find(({ at }) => at[0] === option).show.at(-1)[1]);
    return k || numeric ? axisControl(name, numeric, onchange) : pictureControl(name, truth, onchange);
  });

  function draw(chosen) {
    choice = chosen;
    controls.forEach((control, k) => {
      const options = optionsOf(frames, choice, k);
      places[k] = options.indexOf(choice[k]);
      control.show(options, places[k]);
    });
    const frame = frames.find(({ at }) => at.every((value, k) => value === choice[k]));
    credit.textContent = whose[choice[0]] ? `Photograph: ${whose[choice[0]]}` : "";
    show(frame.show, stored, axes.map((name, k) => `${name} ${choice[k]}`).join(", "));
  }

  el.append(widgetRoot(
    { class: "ddr ddr-gallery" },
    element("div", { class: "ddr-row" }, ...controls.map(({ root }) => root)),
    large.root, row, credit, spoken,
    ...(live ? liveForm(model, {
      title: "Compute another",
      unavailable: "These pictures were computed beforehand. Where this chapter runs in a notebook, "
        + `you can also type ${live}.`,
      fields: [["text", live, { type: "text", required: true, autocomplete: "off" }]],
      request: () => ({ choice: Object.fromEntries(axes.map((name, k) => [name, choice[k]])) }),
      onResult: ({ show: items, context }, buffers) => {
        fresh.forEach((url) => URL.revokeObjectURL(url));
        fresh = buffers.map(imageUrl);
        show(items, (k) => fresh[k], context);
      },
    }) : []),
  ));
  draw(choice);
  return () => [...urls.values(), ...fresh].forEach((url) => URL.revokeObjectURL(url));
}

export default { render };
