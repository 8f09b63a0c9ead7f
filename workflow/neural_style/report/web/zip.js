// A ZIP file without compression, since images are compressed: many images are one download.

const LARGEST_ZIP = 2 ** 32 - 1;

const zip = {
  table: Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit += 1) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
    return byte;
  }),

  /** The CRC-32 of bytes. */
  checksum(bytes) {
    let sum = 0xffffffff;
    for (const byte of bytes) sum = this.table[(sum ^ byte) & 255] ^ (sum >>> 8);
    return ~sum >>> 0;
  },

  /** Numbers of 2 or 4 bytes, the lowest byte first: [[value, length], …]. */
  fields(...pairs) {
    const bytes = pairs.flatMap(([value, length]) => Array.from({ length }, (_, place) => (value >>> (8 * place)) & 255));
    return Uint8Array.from(bytes);
  },

  /** A ZIP of files by their names: [[name, file], …]. */
  async of(entries) {
    const [parts, directory] = [[], []];
    let offset = 0;
    for (const [name, file] of entries) {
      const written = new TextEncoder().encode(name);
      const sum = this.checksum(new Uint8Array(await file.arrayBuffer()));
      // Version 2.0, names in UTF-8, stored, the first day of 1980.
      const facts = this.fields([20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [sum, 4], [file.size, 4], [file.size, 4], [written.length, 2], [0, 2]);
      const rest = this.fields([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
      directory.push(this.fields([0x02014b50, 4], [20, 2]), facts, rest, written);
      parts.push(this.fields([0x04034b50, 4]), facts, written, file);
      offset += 30 + written.length + file.size;
    }
    const size = directory.reduce((sum, { length }) => sum + length, 0);
    const count = entries.length;
    const end = this.fields([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
    return new Blob([...parts, ...directory, end], { type: "application/zip" });
  },
};
