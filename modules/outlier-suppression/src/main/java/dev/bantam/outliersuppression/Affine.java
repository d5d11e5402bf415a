package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.compression.SiteMap;
import dev.bantam.model.ActivationTransform;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Tile;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@code x_j scale_j + shift_j} for each channel: what takes an {@link EquivalentTransform} back on
 * the residual branch.
 *
 * @param scale one number a channel
 * @param shift one number a channel
 */
@SuppressWarnings("ArrayRecordComponent") // made once, read in loops
record Affine(float[] scale, float[] shift) implements Operation, ActivationTransform {
  static final String KIND = "affine";

  private static final String SCALE = "scale";
  private static final String SHIFT = "shift";

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    return Map.of();
  }

  @Override
  public Map<String, INDArray> tensors() {
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    tensors.put(SCALE, Floats.tensor(scale, scale.length));
    tensors.put(SHIFT, Floats.tensor(shift, shift.length));
    return tensors;
  }

  @Override
  public Optional<SiteMap> siteMap() {
    return Optional.of(new SiteMap.Affine(scale, shift));
  }

  @Override
  public void attach(EncoderModel model, String place) {
    final int width = EncoderPlaces.width(model.architecture(), model.site(place));
    if (width != scale.length) {
      throw new IllegalArgumentException(
          "it has " + width + " channels, and the map has " + scale.length);
    }
    model.attach(place, (ActivationTransform) this);
  }

  @Override
  public void forward(Tile tile) {
    final float[] x = tile.values();
    for (int row = 0; row < tile.length(); row += scale.length) {
      for (int j = 0; j < scale.length; j++) {
        x[row + j] = x[row + j] * scale[j] + shift[j];
      }
    }
  }

  @Override
  public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
    for (int row = 0; row < input.length(); row += scale.length) {
      for (int j = 0; j < scale.length; j++) {
        gradient[row + j] *= scale[j];
      }
    }
  }

  /** Reads the operation from a file. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      final StoredReader in = new StoredReader(stored);
      final float[] scale = in.vector(SCALE);
      final float[] shift = in.vector(SHIFT);
      in.finish();
      if (scale.length != shift.length) {
        throw BantamException.badInput(
            "there are " + scale.length + " scales and " + shift.length + " shifts.");
      }
      for (int j = 0; j < scale.length; j++) {
        if (scale[j] == 0) {
          throw BantamException.badInput(
              "channel " + j + " is multiplied with 0, which nothing can undo.");
        }
      }
      return new Affine(scale, shift);
    }
  }
}
