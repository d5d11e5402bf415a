package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The values that are not zero, in row-major order, and the gaps between their positions as a bit
 * stream ({@link Gaps}). Smaller than a bitmask where zeros are many: from about 60 % on for random
 * positions. A negative zero counts as zero and comes back as +0.
 */
public final class IndexTensor implements CompressedTensor {
  static final String FORM = "index-sparse";

  private final MatrixShape shape;
  private final Gaps gaps;
  private final SafetensorsType type;
  private final byte[] values;

  private IndexTensor(MatrixShape shape, Gaps gaps, SafetensorsType type, byte[] values) {
    this.shape = shape;
    this.gaps = gaps;
    this.type = type;
    this.values = values;
  }

  /**
   * A copy of the tensor.
   *
   * @param tensor float32, C order, at least one dimension and element
   * @param type F32, or F16 to round values to; what rounds to zero is not stored
   */
  public static IndexTensor of(INDArray tensor, SafetensorsType type) {
    return of(MatrixShape.of(tensor.shape()), SparseValues.of(Floats.toArray(tensor), type));
  }

  static IndexTensor of(MatrixShape shape, SparseValues sparse) {
    return new IndexTensor(shape, Gaps.of(sparse.kept()), sparse.type(), sparse.bytes());
  }

  static IndexTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final StoredEntry values = in.floatVector(StoredEntry.VALUES);
    final Gaps gaps = Gaps.decode(in, shape, Math.toIntExact(values.shape()[0]));
    in.finish();
    return new IndexTensor(shape, gaps, values.type(), values.bytes());
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
    return SparseValues.scatter(shape, gaps::forEach, DenseTensor.toFloats(values, type));
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put("shape", shape.text());
    attributes.put("gap-bits", Integer.toString(gaps.bits()));
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    return List.of(gaps.entry(), SparseValues.entry(type, values));
  }
}
