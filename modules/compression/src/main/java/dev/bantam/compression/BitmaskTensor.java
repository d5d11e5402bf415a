package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The values that are not zero, in row-major order, and one bit an element that says which they
 * are. A negative zero counts as zero and comes back as +0.
 */
public final class BitmaskTensor implements CompressedTensor {
  static final String FORM = "bitmask-sparse";

  private final MatrixShape shape;
  private final BitMask mask;
  private final SafetensorsType type;
  private final byte[] values;

  private BitmaskTensor(MatrixShape shape, BitMask mask, SafetensorsType type, byte[] values) {
    this.shape = shape;
    this.mask = mask;
    this.type = type;
    this.values = values;
  }

  /**
   * A copy of the tensor.
   *
   * @param tensor float32, C order, at least one dimension and element
   * @param type F32, or F16 to round values to; what rounds to zero is not stored
   */
  public static BitmaskTensor of(INDArray tensor, SafetensorsType type) {
    return of(MatrixShape.of(tensor.shape()), SparseValues.of(Floats.toArray(tensor), type));
  }

  static BitmaskTensor of(MatrixShape shape, SparseValues sparse) {
    return new BitmaskTensor(
        shape, BitMask.of(shape, sparse.kept()), sparse.type(), sparse.bytes());
  }

  static BitmaskTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final BitMask mask = BitMask.decode(in, shape);
    final StoredEntry values = in.floatVector(StoredEntry.VALUES);
    if (values.shape()[0] != mask.count()) {
      throw BantamException.badInput(
          "its mask keeps "
              + mask.count()
              + " values, but '.values' holds "
              + values.shape()[0]
              + ".");
    }
    in.finish();
    return new BitmaskTensor(shape, mask, values.type(), values.bytes());
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
    return Map.of("shape", shape.text());
  }

  @Override
  public List<StoredEntry> encode() {
    return List.of(mask.entry(), SparseValues.entry(type, values));
  }
}
