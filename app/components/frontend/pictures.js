// Keeps sheets of pictures for the charts of the page, and asks for a sheet when one of its pictures is first wanted.
// data: bytes, see `packed` in scatter.py: {name, sheet, columns, rows} and image, a WebP (empty before the first wish)
const REST = 90; // ms that the pointer rests before a sheet is asked for
const sheets = (window.bkSheets ??= new Map()); // "name/number" -> address of the image

export default function ({data, parentElement, setTriggerValue}) {
  const own = data.slice(),
    length = new DataView(own.buffer).getUint32(0, true);
  const {name, sheet, columns, rows, arrays} = JSON.parse(
    new TextDecoder().decode(own.subarray(4, 4 + length)),
  );
  const start = 4 + Math.ceil(length / 4) * 4,
    [, first, size] = arrays.image;
  if (size && !sheets.has(`${name}/${sheet}`)) {
    const image = new Blob([own.subarray(start + first, start + first + size)], {type: 'image/webp'});
    sheets.set(`${name}/${sheet}`, URL.createObjectURL(image));
  }
  const state = (parentElement.bkFeed ??= {});
  state.asked = null;
  (window.bkPictures ??= {})[name] = row => {
    const each = columns * rows,
      number = Math.floor(row / each),
      address = sheets.get(`${name}/${number}`);
    clearTimeout(state.timer);
    if (!address) {
      if (state.asked !== number)
        state.timer = setTimeout(() => {
          state.asked = number;
          setTriggerValue('want', number);
        }, REST);
      return null;
    }
    const at = row % each,
      picture = document.createElement('div');
    picture.className = 'picture';
    picture.style.backgroundImage = `url(${address})`;
    picture.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    picture.style.backgroundPosition = `${(100 * (at % columns)) / (columns - 1)}% ${(100 * Math.floor(at / columns)) / (rows - 1)}%`;
    return picture;
  };
  window.dispatchEvent(new CustomEvent('bk-pictures', {detail: {name}}));
}
