// What the viewer's own copy of d3-jetpack does otherwise than the one on npm: it goes with d3 7, and axes are drawn by
// a method. Runs after d3-jetpack, whose functions are `exports`.
Object.assign(d3, exports, {
  nestBy: (array, key) => Array.from(d3.group(array, key), ([name, values]) => Object.assign(values, { key: name })),
  conventions: (options) => {
    const c = exports.conventions(options);
    c.drawAxis = (svg = c.svg) => exports.drawAxis({ ...c, svg });
    return c;
  },
});
