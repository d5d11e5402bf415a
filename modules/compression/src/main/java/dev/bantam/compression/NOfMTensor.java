package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Of every {@code m} neighbouring elements of a row at most {@code n} are not zero: exactly n
 * values a group, in order, and a bit mask with n set bits a group. A group with fewer stores its
 * first zeros as values.
 */
public final class NOfMTensor implements CompressedTensor {
  static final String FORM = "n-of-m";

  private static final int MAX_GROUP = 32;

  private final MatrixShape shape;
  private final int n;
  private final int m;
  private final BitMask mask;
  private final SafetensorsType type;
  private final byte[] values;

  private NOfMTensor(
      MatrixShape shape, int n, int m, BitMask mask, SafetensorsType type, byte[] values) {
    this.shape = shape;
    this.n = n;
    this.m = m;
    this.mask = mask;
    this.type = type;
    this.values = values;
  }

  /**
   * A copy of the tensor.
   *
   * @param tensor float32, C order; rows of a multiple of m elements
   * @param n values a group, 1..m-1
   * @param m elements of a group, 2..32
   * @param type F32, or F16 to round to
   * @throws IllegalArgumentException if a group has more than n values that are not zero
   */
  public static NOfMTensor of(INDArray tensor, int n, int m, SafetensorsType type) {
    final MatrixShape shape = MatrixShape.of(tensor.shape());
    problem(shape, n, m)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(problem);
            });
    final float[] dense = Floats.toArray(tensor);
    final SparseValues sparse = SparseValues.of(shape, dense, type);
    final boolean[] kept = sparse.kept();
    final float[] values = new float[dense.length / m * n];
    for (int group = 0, k = 0; group < dense.length; group += m) {
      fill(kept, group, n, m);
      for (int i = group; i < group + m; i++) {
        if (kept[i]) {
          values[k++] = dense[i];
        }
      }
    }
    return new NOfMTensor(
        shape, n, m, BitMask.of(shape, kept), type, DenseTensor.toBytes(values, type));
  }

  /** Marks zeros of a group until it has n marks. */
  private static void fill(boolean[] kept, int from, int n, int m) {
    int count = 0;
    for (int i = from; i < from + m; i++) {
      count += kept[i] ? 1 : 0;
    }
    if (count > n) {
      throw new IllegalArgumentException(
          "Elements "
              + from
              + ".."
              + (from + m - 1)
              + " hold "
              + count
              + " values, not "
              + n
              + " of "
              + m);
    }
    for (int i = from; count < n; i++) {
      count += kept[i] ? 0 : 1;
      kept[i] = true;
    }
  }

  private static Optional<String> problem(MatrixShape shape, int n, int m) {
    if (m < 2 || m > MAX_GROUP || n < 1 || n >= m) {
      return Optional.of(n + " of " + m + " is no pattern of 1..m-1 of 2.." + MAX_GROUP);
    }
    if (shape.columns() % m != 0) {
      return Optional.of(
          "groups of "
              + m
              + " do not divide the rows of "
              + shape
              + ", "
              + shape.columns() % m
              + " are left over");
    }
    return Optional.empty();
  }

  static NOfMTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final int n = in.integer("n", 1, MAX_GROUP);
    final int m = in.integer("m", 2, MAX_GROUP);
    problem(shape, n, m)
        .ifPresent(
            problem -> {
              throw BantamException.badInput("it cannot be " + FORM + ": " + problem + ".");
            });
    final BitMask mask = BitMask.decode(in, shape);
    final int[] perGroup = new int[shape.length() / m];
    mask.forEach(position -> perGroup[position / m]++);
    for (int g = 0; g < perGroup.length; g++) {
      if (perGroup[g] != n) {
        throw BantamException.badInput(
            "its mask keeps "
                + perGroup[g]
                + " values of group "
                + g
                + ", not "
                + n
                + " of "
                + m
                + ".");
      }
    }
    final StoredEntry values =
        in.floats(StoredEntry.VALUES, shape.rows(), (long) shape.columns() / m * n);
    in.finish();
    return new NOfMTensor(shape, n, m, mask, values.type(), values.bytes());
  }

  @Override
  public String form() {
    return FORM;
  }

  @Override
  public long[] shape() {
    return shape.dimensions();
  }

  @Override
  public INDArray dense() {
    return SparseValues.scatter(shape, mask::forEach, DenseTensor.toFloats(values, type));
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put("shape", shape.text());
    attributes.put("n", Integer.toString(n));
    attributes.put("m", Integer.toString(m));
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    final long[] perRow = {shape.rows(), (long) shape.columns() / m * n};
    return List.of(mask.entry(), new StoredEntry(StoredEntry.VALUES, type, perRow, values));
  }
}
