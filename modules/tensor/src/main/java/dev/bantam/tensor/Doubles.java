package dev.bantam.tensor;

import java.nio.DoubleBuffer;
import org.bytedeco.javacpp.DoublePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Off-heap memory of float64 numbers, as long as need be: bulk copies between it and small heap
 * arrays. Safe to use from several threads on disjoint ranges.
 */
public final class Doubles implements AutoCloseable {
  /** Numbers of one piece of memory; an NIO buffer reaches 2 GiB. */
  private static final int PIECE_BITS = 27;

  private static final int PIECE = 1 << PIECE_BITS;

  private final long length;
  private final INDArray[] arrays;
  private final DoubleBuffer[] buffers;

  private Doubles(long length) {
    this.length = length;
    final int pieces = Math.toIntExact((length + PIECE - 1) >>> PIECE_BITS);
    this.arrays = new INDArray[pieces];
    this.buffers = new DoubleBuffer[pieces];
    for (int i = 0; i < pieces; i++) {
      final long n = Math.min(PIECE, length - ((long) i << PIECE_BITS));
      arrays[i] = Nd4j.zeros(DataType.DOUBLE, n);
      final DoublePointer pointer = new DoublePointer(arrays[i].data().addressPointer());
      buffers[i] = pointer.capacity(n).asByteBuffer().asDoubleBuffer();
    }
  }

  /** Allocates {@code length} numbers, zeroed; at least 1. */
  public static Doubles zeros(long length) {
    NativeRuntime.initialize();
    return new Doubles(length);
  }

  /** Number of elements. */
  public long length() {
    return length;
  }

  /** Copies {@code n} numbers from position {@code from} to {@code target[0..]}. */
  public void read(long from, double[] target, int n) {
    check(from, n);
    for (int done = 0; done < n; ) {
      final int at = (int) ((from + done) & (PIECE - 1));
      final int count = Math.min(n - done, PIECE - at);
      buffers[piece(from + done)].get(at, target, done, count);
      done += count;
    }
  }

  /** Copies {@code n} numbers from {@code source[0..]} to position {@code from}. */
  public void write(long from, double[] source, int n) {
    check(from, n);
    for (int done = 0; done < n; ) {
      final int at = (int) ((from + done) & (PIECE - 1));
      final int count = Math.min(n - done, PIECE - at);
      buffers[piece(from + done)].put(at, source, done, count);
      done += count;
    }
  }

  private static int piece(long position) {
    return (int) (position >>> PIECE_BITS);
  }

  private void check(long from, int n) {
    if (from < 0 || n < 0 || from + n > length) {
      throw new IndexOutOfBoundsException(n + " numbers from " + from + " of " + length);
    }
  }

  /** Frees the memory; this object must not be used again. */
  @Override
  public void close() {
    for (INDArray array : arrays) {
      if (array.closeable()) {
        array.close();
      }
    }
  }
}
