// Put into an empty page: a panel, and a model that stands where JupyterLab would put its own.
async ([source, css, state, kernel]) => {
  const read = READ;
  const data = { ...read(state), layout: { comm_live: kernel } };
  const [heard, unsaved] = [{}, {}];
  const changed = (name) => (heard[`change:${name}`] ?? []).forEach((hear) => hear());

  window.model = {
    get: (name) => data[name],
    set(name, value) {
      data[name] = unsaved[name] = value;
      changed(name);
    },
    on: (names, hear) => names.split(" ").forEach((name) => (heard[name] ??= []).push(hear)),
    off(name, hear) {
      for (const one of name.split(" ")) heard[one] = heard[one].filter((other) => other !== hear);
    },
    save_changes() {
      const saved = { ...unsaved };
      for (const name of Object.keys(unsaved)) delete unsaved[name];
      if (kernel) window.posencKernel({ state: saved }).then(window.model.take);
    },
    send: (content) => window.posencKernel({ content }).then(window.model.take),
    // What the kernel has changed, in one message.
    take(news) {
      const fresh = read(news);
      Object.assign(data, fresh);
      Object.keys(fresh).forEach(changed);
    },
  };
  const sheet = document.createElement("style");
  sheet.textContent = css;
  document.head.append(sheet);
  const { default: panel } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  window.close = panel.render({ model: window.model, el: document.getElementById("place") });
}
