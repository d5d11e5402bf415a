package dev.bantam.compression;

import dev.bantam.tensor.Doubles;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;

/**
 * The diagonal blocks of {@code sum over i of g_i g_i^T} for the gradients g of one tensor: its
 * elements, flattened row-major, are cut into runs of B, and each run has a block (Kurtic et al.
 * 2022, section 3.2). With the mean over m gradients and a dampening it is the empirical Fisher
 * matrix {@code F = lambda I + 1/m sum g g^T}.
 *
 * <p>Sums are float64, because float32 ones lose the directions of small curvature. Off-heap, the
 * upper triangle in tiles of {@value Kernels#TILE} x {@value Kernels#TILE}. Gradients are buffered
 * and added together, blocks outermost: a block is read and written once for all of them. The sums
 * do not depend on how many are buffered, nor on the number of threads.
 */
public final class BlockFisher implements AutoCloseable {
  /** Blocks of one piece of work: their gradients stay in the second-level cache. */
  private static final int PIECE = 64;

  private static final int TILE = Kernels.TILE;

  private final Kernels kernels = Kernels.best();
  private final int elements;
  private final int block;
  private final int padded;
  private final int tiles;
  private final Doubles sums;
  private final Floats buffer;
  private final int capacity;
  private int buffered;
  private long added;

  /**
   * Memory for the sums of a tensor.
   *
   * @param elements of the tensor; below 2^29 / buffered
   * @param block B, at least 1; the last run may be shorter
   * @param buffered gradients that are added together, at least 1
   */
  public BlockFisher(int elements, int block, int buffered) {
    this.elements = elements;
    this.block = block;
    this.padded = padded(block);
    this.tiles = tiles(block);
    this.capacity = buffered;
    this.sums = Doubles.zeros((long) blocks(elements, block) * tiles);
    this.buffer = Floats.zeros((long) buffered * elements);
  }

  private static int padded(int block) {
    return (block + TILE - 1) / TILE * TILE;
  }

  /** Numbers of a block's upper triangle in whole tiles. */
  private static int tiles(int block) {
    final int side = padded(block) / TILE;
    return side * (side + 1) / 2 * TILE * TILE;
  }

  private static int blocks(long elements, int block) {
    return Math.toIntExact((elements + block - 1) / block);
  }

  /** Bytes of the sums and the buffer. */
  public static long bytes(long elements, int block, int buffered) {
    return (elements + block - 1) / block * tiles(block) * Double.BYTES
        + Float.BYTES * elements * buffered;
  }

  /** Number of blocks. */
  public int blocks() {
    return blocks(elements, block);
  }

  /** B, the elements of every block but perhaps the last. */
  public int block() {
    return block;
  }

  /** First element of a block. */
  public int start(int number) {
    return number * block;
  }

  /** Elements of a block. */
  public int length(int number) {
    return Math.min(block, elements - start(number));
  }

  /** Gradients added so far. */
  public long added() {
    return added;
  }

  /** Whether the buffer is full: {@link #flush} comes next. */
  public boolean isFull() {
    return buffered == capacity;
  }

  /** Takes a gradient into the buffer, on the calling thread. */
  public void buffer(Floats gradient) {
    requireRoom();
    buffer.copy(buffered++ * elements, gradient, 0, elements);
  }

  /** As the other form; elements that are not kept count as 0. */
  public void buffer(Floats gradient, boolean[] kept) {
    requireRoom();
    final float[] tile = new float[1 << 14];
    final int at = buffered++ * elements;
    for (int from = 0; from < elements; from += tile.length) {
      final int n = Math.min(tile.length, elements - from);
      gradient.read(from, tile, 0, n);
      for (int i = 0; i < n; i++) {
        tile[i] = kept[from + i] ? tile[i] : 0f;
      }
      buffer.write(at + from, tile, 0, n);
    }
  }

  private void requireRoom() {
    if (isFull()) {
      throw new IllegalStateException("The buffer is full; flush it first");
    }
  }

  /** Adds what is buffered to the sums. */
  public void flush(Workers workers) {
    final int count = buffered;
    if (count == 0) {
      return;
    }
    final Scratch[] scratch = new Scratch[workers.threads()];
    workers.run(
        (blocks() + PIECE - 1) / PIECE,
        (piece, worker) -> {
          if (scratch[worker] == null) {
            scratch[worker] = new Scratch(count, block, padded, tiles);
          }
          add(piece, count, scratch[worker]);
        });
    added += count;
    buffered = 0;
  }

  private static final class Scratch {
    final float[] rows;
    final double[] panel;
    final double[] sums;

    Scratch(int count, int block, int padded, int tiles) {
      rows = new float[count * PIECE * block];
      panel = new double[count * padded];
      sums = new double[tiles];
    }
  }

  private void add(int piece, int count, Scratch s) {
    final int first = piece * PIECE;
    final int last = Math.min(blocks(), first + PIECE);
    final int from = start(first);
    final int width = Math.min(elements, last * block) - from;
    for (int k = 0; k < count; k++) {
      buffer.read(k * elements + from, s.rows, k * width, width);
    }
    for (int b = first; b < last; b++) {
      final int n = length(b);
      for (int k = 0; k < count; k++) {
        final int at = k * width + start(b) - from;
        for (int i = 0; i < n; i++) {
          s.panel[k * padded + i] = s.rows[at + i];
        }
        for (int i = n; i < padded; i++) {
          s.panel[k * padded + i] = 0;
        }
      }
      sums.read((long) b * tiles, s.sums, tiles);
      kernels.addOuterProducts(s.panel, count, padded, s.sums);
      sums.write((long) b * tiles, s.sums, tiles);
    }
  }

  /** Room for the tiles of one block; one for each thread that reads matrices. */
  public double[] scratch() {
    return new double[tiles];
  }

  /**
   * One block of F, {@code lambda I + sums / m}.
   *
   * @param dampening lambda
   * @param m number that the sums are divided by; usually {@link #added}
   * @param scratch of {@link #scratch}
   * @param target out: the upper triangle of [n, n] row-major with {@code n = length(number)}
   */
  public void matrix(int number, double dampening, long m, double[] scratch, double[] target) {
    sums.read((long) number * tiles, scratch, tiles);
    final int n = length(number);
    int tile = 0;
    for (int row = 0; row < padded; row += TILE) {
      for (int column = row; column < padded; column += TILE, tile += TILE * TILE) {
        for (int i = row; i < Math.min(n, row + TILE); i++) {
          for (int j = Math.max(i, column); j < Math.min(n, column + TILE); j++) {
            target[i * n + j] = scratch[tile + (i - row) * TILE + j - column] / m;
          }
        }
      }
    }
    for (int i = 0; i < n; i++) {
      target[i * n + i] += dampening;
    }
  }

  @Override
  public void close() {
    sums.close();
    buffer.close();
  }
}
