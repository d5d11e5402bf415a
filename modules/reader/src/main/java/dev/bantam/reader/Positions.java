package dev.bantam.reader;

import java.io.IOException;

/** Which elements of a tensor are stored: their numbers in C order, growing. */
interface Positions {
  /**
   * Reads and checks them all.
   *
   * @param kept how many there have to be
   */
  int[] read(int kept) throws IOException;

  /** How many there are, for those that tell it themselves. */
  default int count() throws IOException {
    throw new IllegalStateException("Gaps are counted by what is stored");
  }

  /** Positions by a mask; of runs where the attribute {@code run} says so. */
  static Positions masked(Attributes attributes, Parts parts, Matrix matrix, Place place)
      throws PackedModelException {
    final int width = Runs.width(attributes, matrix, place);
    return Runs.of(Mask.of(parts, matrix.inRuns(width), place), width, place);
  }

  /** Positions by gaps; of runs where the attribute {@code run} says so. */
  static Positions gapped(Attributes attributes, Parts parts, Matrix matrix, Place place)
      throws PackedModelException {
    final int width = Runs.width(attributes, matrix, place);
    return Runs.of(Gaps.of(attributes, parts, matrix.inRuns(width), place), width, place);
  }

  /** Neighbouring elements of a row that are stored together. */
  record Runs(Positions runs, int width, Place place) implements Positions {
    private static final String NAME = "run";
    private static final int WIDEST = 32;

    static int width(Attributes attributes, Matrix matrix, Place place)
        throws PackedModelException {
      final int width = attributes.has(NAME) ? (int) attributes.integer(NAME, 2, WIDEST) : 1;
      if (matrix.columns() % width != 0) {
        throw place.refuse("runs of %d do not divide a row of %d", width, matrix.columns());
      }
      return width;
    }

    static Positions of(Positions runs, int width, Place place) {
      return width == 1 ? runs : new Runs(runs, width, place);
    }

    @Override
    public int count() throws IOException {
      return width * runs.count();
    }

    @Override
    public int[] read(int kept) throws IOException {
      if (kept % width != 0) {
        throw place.refuse("%d stored elements are no whole runs of %d", kept, width);
      }
      final int[] first = runs.read(kept / width);
      final int[] positions = new int[kept];
      for (int i = 0; i < kept; i++) {
        positions[i] = first[i / width] * width + i % width;
      }
      return positions;
    }
  }

  /** One bit an element, every row from a byte on. */
  record Mask(Entry entry, Matrix matrix, Place place) implements Positions {
    static Mask of(Parts parts, Matrix matrix, Place place) throws PackedModelException {
      return new Mask(parts.bytes(".mask", matrix.rows(), matrix.rowBytes(1)), matrix, place);
    }

    private static int count(byte[] mask) {
      int count = 0;
      for (final byte eight : mask) {
        count += Integer.bitCount(eight & 0xff);
      }
      return count;
    }

    @Override
    public int count() throws IOException {
      return count(entry.bytes());
    }

    @Override
    public int[] read(int kept) throws IOException {
      final byte[] mask = entry.bytes();
      if (count(mask) != kept) {
        throw place.refuse("its mask has %d bits set for %d stored elements", count(mask), kept);
      }
      final int columns = matrix.columns();
      final int rowBytes = matrix.rowBytes(1);
      final int[] positions = new int[kept];
      int next = 0;
      for (int r = 0; r < matrix.rows(); r++) {
        for (int b = 0; b < rowBytes; b++) {
          for (int bits = mask[r * rowBytes + b] & 0xff; bits != 0; bits &= bits - 1) {
            final int column = 8 * b + Integer.numberOfTrailingZeros(bits);
            if (column >= columns) {
              throw place.refuse("its mask has a bit set in the padding of row %d", r);
            }
            positions[next++] = r * columns + column;
          }
        }
      }
      return positions;
    }
  }

  /** The zeros before each stored element and after the last, as codes with an escape. */
  record Gaps(Entry entry, int width, Matrix matrix, Place place) implements Positions {
    private static final int LEAST_WIDTH = 2;
    private static final int MOST_WIDTH = 16;

    static Gaps of(Attributes attributes, Parts parts, Matrix matrix, Place place)
        throws PackedModelException {
      final long width = attributes.integer("gap-bits", LEAST_WIDTH, MOST_WIDTH);
      return new Gaps(parts.byteList(".indices"), (int) width, matrix, place);
    }

    @Override
    public int[] read(int kept) throws IOException {
      final int elements = matrix.elements();
      final byte[] bytes = entry.bytes();
      final BitStream stream = new BitStream(bytes, 0, bytes.length);
      final int[] positions = new int[kept];
      long next = 0;
      for (int i = 0; i < kept; i++) {
        next += gap(stream, elements - next);
        if (next >= elements) {
          throw beyond();
        }
        positions[i] = (int) next++;
      }
      next += gap(stream, elements - next);
      if (next != elements) {
        throw place.refuse("its indices end at element %d of %d", next, elements);
      }
      if (!stream.endsClean()) {
        throw place.refuse("its indices go on after the last element, or their padding is set");
      }
      return positions;
    }

    private long gap(BitStream stream, long most) throws PackedModelException {
      final int escape = (1 << width) - 1;
      long gap = 0;
      int code;
      do {
        if (!stream.has(width)) {
          throw place.refuse("its indices end too early");
        }
        code = stream.take(width);
        gap += code;
        if (gap > most) {
          throw beyond();
        }
      } while (code == escape);
      return gap;
    }

    private PackedModelException beyond() {
      return place.refuse("its indices lead beyond its last element");
    }
  }
}
