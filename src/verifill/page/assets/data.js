// The data block, read once. Columns are packed as src/verifill/page/columns.py says.

const data = JSON.parse(document.getElementById("data").textContent);

/** Integers of a packed column: Int32Array, or BigInt64Array where they are wide. */
function integers(packed) {
  const raw = atob("i32" in packed ? packed.i32 : packed.i64);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return "i32" in packed ? new Int32Array(bytes.buffer) : new BigInt64Array(bytes.buffer);
}

/** A column: `at(row)` is a text, a number, or empty where there is none. */
class Column {
  constructor(packed) {
    this.words = packed.words ?? null;
    this.values = integers(packed.words ? packed.at : packed);
    this.length = this.values.length;
  }

  at(row) {
    const value = this.values[row];
    if (this.words === null) return value;
    return value < 0 ? "" : this.words[value];
  }

  /** The value as a text. */
  text(row) {
    return String(this.at(row));
  }
}

/** A table whose rows belong to records, ordered by their numbers. */
class Table {
  constructor(packed) {
    this.names = Object.keys(packed);
    this.columns = Object.fromEntries(this.names.map((name) => [name, new Column(packed[name])]));
    this.seq = Array.from(this.columns.seq.values, Number);
    this.length = this.seq.length;
  }

  /** Numbers of the rows of one record, as [first, end). */
  of(seq) {
    return [lowest(this.seq, seq), lowest(this.seq, seq + 1)];
  }

  text(name, row) {
    return this.columns[name].text(row);
  }
}

/** The first place of a sorted list whose value is at least that. */
function lowest(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
