package dev.bantam.tensor;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Fast access to the memory of a dense, C-order float32 tensor: bulk copies between it and small
 * heap arrays, and pointers for BLAS.
 *
 * <p>Holds the tensor, because neither a pointer nor a buffer keeps an ND4J array alive. Element by
 * element access to a direct buffer is ten times slower than a bulk copy, so there is none. Safe to
 * use from several threads on disjoint ranges.
 */
public final class Floats {
  private final INDArray array;
  private final FloatPointer base;
  private final FloatBuffer buffer;
  private final int length;

  private Floats(INDArray array) {
    this.array = array;
    this.length = Math.toIntExact(array.length());
    // addressPointer honours the offset of a view; data().pointer() does not
    final FloatPointer pointer = new FloatPointer(array.data().addressPointer());
    this.base = pointer.capacity(length);
    this.buffer = base.asByteBuffer().asFloatBuffer();
  }

  /**
   * Wraps a tensor without copying.
   *
   * @throws IllegalArgumentException unless it is float32, C order and contiguous, and shorter than
   *     2^29 elements (the 2 GiB reach of a Java buffer)
   */
  public static Floats of(INDArray array) {
    NativeRuntime.initialize();
    if (array.dataType() != DataType.FLOAT || !isDense(array)) {
      throw new IllegalArgumentException(
          "Needs a dense C-order float32 tensor, got "
              + array.dataType()
              + " of order "
              + array.ordering()
              + " and shape "
              + java.util.Arrays.toString(array.shape()));
    }
    if (array.length() >= 1L << 29) {
      throw new IllegalArgumentException(
          "A tensor of " + array.length() + " elements is beyond the reach of one buffer (2^29)");
    }
    return new Floats(array);
  }

  private static boolean isDense(INDArray array) {
    if (array.rank() == 0 || array.length() == 1) {
      return true;
    }
    long stride = 1;
    for (int d = array.rank() - 1; d >= 0; d--) {
      if (array.size(d) != 1 && array.stride(d) != stride) {
        return false;
      }
      stride *= array.size(d);
    }
    return true;
  }

  /** Allocates {@code length} floats, zeroed. */
  public static Floats zeros(long length) {
    NativeRuntime.initialize();
    return of(Nd4j.zeros(DataType.FLOAT, length));
  }

  /** Allocates a [rows, columns] matrix of zeros. */
  public static Floats zeros(long rows, long columns) {
    NativeRuntime.initialize();
    return of(Nd4j.zeros(DataType.FLOAT, rows, columns));
  }

  /** Copies a heap array into a new tensor of the given shape. */
  public static INDArray tensor(float[] values, long... shape) {
    NativeRuntime.initialize();
    final INDArray array = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    if (values.length > 0) {
      of(array).write(0, values, 0, values.length);
    }
    return array;
  }

  /** Copies a dense C-order float32 tensor to the heap. */
  public static float[] toArray(INDArray array) {
    final Floats floats = of(array);
    final float[] values = new float[floats.length];
    floats.read(0, values, 0, values.length);
    return values;
  }

  /** The tensor behind this view. */
  public INDArray array() {
    return array;
  }

  /** Number of elements. */
  public int length() {
    return length;
  }

  /** Copies {@code n} floats from position {@code from} to {@code target[targetFrom..]}. */
  public void read(int from, float[] target, int targetFrom, int n) {
    buffer.get(from, target, targetFrom, n);
  }

  /** Copies {@code n} floats from {@code source[sourceFrom..]} to position {@code from}. */
  public void write(int from, float[] source, int sourceFrom, int n) {
    buffer.put(from, source, sourceFrom, n);
  }

  /** Copies {@code n} floats of another tensor. */
  public void copy(int from, Floats source, int sourceFrom, int n) {
    buffer.put(from, source.buffer, sourceFrom, n);
  }

  /** Writes the same value to {@code n} positions. */
  public void fill(int from, int n, float value) {
    final float[] tile = new float[Math.min(n, 4096)];
    java.util.Arrays.fill(tile, value);
    for (int i = 0; i < n; i += tile.length) {
      write(from + i, tile, 0, Math.min(tile.length, n - i));
    }
  }

  /** A pointer to position {@code from}, valid as long as this object is reachable. */
  FloatPointer at(int from) {
    if (from < 0 || from > length) {
      throw new IndexOutOfBoundsException("position " + from + " of " + length);
    }
    return new FloatPointer(base).position(from);
  }

  /** Frees the memory; this object and the tensor must not be used again. */
  public void close() {
    if (array.closeable()) {
      array.close();
    }
  }

  @Override
  public String toString() {
    return "Floats" + java.util.Arrays.toString(array.shape());
  }
}
