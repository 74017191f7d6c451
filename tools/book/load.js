// In a book or a deck: the numbers of a panel come from a file beside the page, once for all
// panels that compute with the same ones. A script is what a page from a disk may load as well.
const data = {};
const asked = {};

const bytesOf = (text) =>
  new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

function loaded(name) {
  asked[name] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${window.posencFiles}${name}.js`;
    script.onload = () => {
      for (const { path, data: text } of data[name].buffers) {
        const holder = path.slice(0, -1).reduce((value, step) => value[step], data[name].data);
        holder[path.at(-1)] = bytesOf(text);
      }
      resolve(data[name].data);
    };
    script.onerror = () => reject(new Error(`${script.src} did not load`));
    document.head.append(script);
  });
  return asked[name];
}

async function renderLoaded({ model, el }) {
  const declared = model.get("declared");
  const name = declared.data?.file;
  if (name) model.set("declared", { ...declared, data: await loaded(name) });
  return render({ model, el });
}

return { render: renderLoaded, data };
