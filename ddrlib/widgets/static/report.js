
// The page of a report: a model that only remembers, since no kernel answers here.
{
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const state = JSON.parse(document.getElementById("explorer-state").textContent);
  state.coordinates = bytes(state.coordinates);
  state.sheets = state.sheets.map(bytes);
  const handlers = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      (handlers[`change:${name}`] ?? []).forEach((handler) => handler());
    },
    on: (name, handler) => (handlers[name] ??= []).push(handler),
    off: () => {},
    save_changes: () => {},
    send: () => {},
  };
  render({ model, el: document.getElementById("explorer") });
}
