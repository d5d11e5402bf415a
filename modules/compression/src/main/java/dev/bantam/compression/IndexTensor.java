package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The values that are not zero, in row-major order, and the gaps between their positions as a bit
 * stream ({@link Gaps}), or those of runs of elements, of which all are stored. Smaller than a
 * bitmask where zeros are many: from about 60 % on for random positions. A negative zero counts as
 * zero and comes back as +0.
 */
public final class IndexTensor implements CompressedTensor {
  static final String FORM = "index-sparse";

  private final MatrixShape shape;
  private final Positions positions;
  private final SafetensorsType type;
  private final byte[] values;

  private IndexTensor(MatrixShape shape, Positions positions, SafetensorsType type, byte[] values) {
    this.shape = shape;
    this.positions = positions;
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
    final MatrixShape shape = MatrixShape.of(tensor.shape());
    return of(SparseValues.of(shape, Floats.toArray(tensor), type));
  }

  static IndexTensor of(SparseValues sparse) {
    return new IndexTensor(
        sparse.runs().shape(),
        Positions.of(sparse.runs(), sparse.kept(), true),
        sparse.type(),
        sparse.bytes());
  }

  static IndexTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final StoredEntry values = in.floatVector(StoredEntry.VALUES);
    final Positions positions = Positions.decodeGaps(in, shape, Math.toIntExact(values.shape()[0]));
    in.finish();
    return new IndexTensor(shape, positions, values.type(), values.bytes());
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
    return SparseValues.scatter(shape, positions::forEach, DenseTensor.toFloats(values, type));
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new TreeMap<>(positions.attributes());
    attributes.put("shape", shape.text());
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    return List.of(positions.entry(), SparseValues.entry(type, values));
  }
}
