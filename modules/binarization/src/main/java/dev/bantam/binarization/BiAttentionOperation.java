package dev.bantam.binarization;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import java.util.Locale;
import java.util.Map;

/** Bi-Attention of one layer in a stored model; the attribute says when a score counts. */
record BiAttentionOperation(Threshold threshold) implements Operation {
  static final String KIND = "bi-attention";
  private static final String THRESHOLD = "threshold";

  private static String word(Threshold threshold) {
    return threshold.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    return Map.of(THRESHOLD, word(threshold));
  }

  @Override
  public void attach(EncoderModel model, String place) {
    model.setAttention(
        Places.layer(place, Places.ATTENTION, model), new PackedBiAttention(threshold));
  }

  /** Reads what {@link BiAttentionOperation} says of itself. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      for (Threshold threshold : Threshold.values()) {
        if (stored.attributes().equals(Map.of(THRESHOLD, word(threshold)))
            && stored.tensors().isEmpty()) {
          return new BiAttentionOperation(threshold);
        }
      }
      throw BantamException.badInput(
          "it has one attribute, 'threshold', which is 'at-least-zero' or 'above-zero', and no"
              + " tensors; found "
              + stored.attributes()
              + " and "
              + stored.tensors().keySet()
              + ".");
    }
  }
}
