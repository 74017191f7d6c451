// Widgets come from this folder: anywidget's module, and the fonts of the widget manager.
{
  const root = document.documentElement.dataset.content_root || "./";
  window.__jupyter_widgets_assets_path__ = `${root}_static/assets/html-manager/dist/`;
  window.posencFiles = `${root}_static/data/`;
  require.config({ baseUrl: root, paths: { anywidget: "_static/assets/anywidget" } });
}
