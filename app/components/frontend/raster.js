// Points drawn into pixels: anti-aliased stamps, blended one after the other. Tens of thousands take milliseconds, and
// the same with and without a graphics card.
const SUB = 4; // places within a pixel
const stamps = new Map();

function inside(shape, x, y, r) {
  return shape === 'diamond' ? Math.abs(x) + Math.abs(y) <= 1.25 * r : x * x + y * y <= r * r;
}

// Coverage (0 to 255) of a marker whose centre is (sx, sy) / SUB of a pixel off a pixel's middle.
function stamp(shape, radius, sx, sy) {
  const key = `${shape}/${radius.toFixed(2)}/${sx}/${sy}`;
  let found = stamps.get(key);
  if (found) return found;
  const reach = Math.ceil(1.25 * radius + 1),
    size = 2 * reach + 1,
    cover = [];
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      let hits = 0;
      for (let v = 0; v < SUB; v++)
        for (let u = 0; u < SUB; u++)
          hits += inside(
            shape,
            x + (u + 0.5) / SUB - 0.5 - sx / SUB,
            y + (v + 0.5) / SUB - 0.5 - sy / SUB,
            radius,
          );
      if (hits) cover.push([x, y, Math.round((255 * hits) / (SUB * SUB))]);
    }
  found = {
    reach,
    size,
    xs: Int16Array.from(cover, c => c[0]),
    ys: Int16Array.from(cover, c => c[1]),
    alphas: Uint8Array.from(cover, c => c[2]),
  };
  stamps.set(key, found);
  return found;
}

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));

export class Raster {
  constructor(canvas) {
    this.context = canvas.getContext('2d');
    this.canvas = canvas;
  }

  clear(width, height, ratio, surface) {
    this.ratio = ratio;
    const w = Math.max(1, Math.round(width * ratio)),
      h = Math.max(1, Math.round(height * ratio));
    if (this.canvas.width !== w || this.canvas.height !== h || !this.image) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.image = this.context.createImageData(w, h);
      this.words = new Uint32Array(this.image.data.buffer);
      this.bytes = new Uint8Array(this.image.data.buffer);
    }
    const [r, g, b] = rgb(surface);
    this.words.fill(((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
  }

  // One pass: markers at places[2 i], places[2 i + 1] (CSS pixels) for each i of `which`, each over an optional rim.
  pass(places, which, count, {colour, symbol, radius, alpha, rim}) {
    const ratio = this.ratio,
      steps = [];
    if (rim) steps.push([rgb(rim), radius + 1, 1]);
    steps.push([rgb(colour), radius, alpha]);
    const prepared = steps.map(([channel, r, a]) => {
      const grid = [];
      for (let v = 0; v < SUB; v++)
        for (let u = 0; u < SUB; u++)
          grid.push(stamp(symbol, r * ratio, u - SUB / 2 + 0.5, v - SUB / 2 + 0.5));
      return {channel, grid, weight: Math.round(256 * a)};
    });
    for (let k = 0; k < count; k++) {
      const i = which[k],
        x = places[2 * i] * ratio,
        y = places[2 * i + 1] * ratio;
      const px = Math.floor(x),
        py = Math.floor(y);
      const at = Math.floor((y - py) * SUB) * SUB + Math.floor((x - px) * SUB);
      for (const step of prepared) this.put(px, py, step.grid[at], step.channel, step.weight);
    }
  }

  put(px, py, shape, channel, weight) {
    const r = channel[0],
      g = channel[1],
      b = channel[2],
      {width, height} = this.image,
      data = this.bytes;
    const {xs, ys, alphas, reach} = shape;
    if (px < -reach || py < -reach || px >= width + reach || py >= height + reach) return;
    const whole = px >= reach && py >= reach && px < width - reach && py < height - reach;
    for (let j = 0; j < xs.length; j++) {
      const x = px + xs[j],
        y = py + ys[j];
      if (!whole && (x < 0 || y < 0 || x >= width || y >= height)) continue;
      const a = (alphas[j] * weight) >> 8,
        k = 4 * (y * width + x),
        b8 = 255 - a;
      data[k] = ((r * a + data[k] * b8) * 257 + 257) >> 16;
      data[k + 1] = ((g * a + data[k + 1] * b8) * 257 + 257) >> 16;
      data[k + 2] = ((b * a + data[k + 2] * b8) * 257 + 257) >> 16;
    }
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}
