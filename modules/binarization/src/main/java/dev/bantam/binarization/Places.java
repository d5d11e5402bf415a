package dev.bantam.binarization;

import dev.bantam.model.EncoderModel;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of the places of operations that are neither a site nor a matrix. */
final class Places {
  static final String ATTENTION = "attention";
  static final String FFN = "ffn";

  private static final Pattern LAYER = Pattern.compile("layer\\.(\\d{1,4})\\.(attention|ffn)");

  private Places() {}

  static String of(int layer, String part) {
    return "layer." + layer + "." + part;
  }

  /**
   * Number of the layer that a place names.
   *
   * @throws IllegalArgumentException if it names none, or the model has no such layer
   */
  static int layer(String place, String part, EncoderModel model) {
    final Matcher matcher = LAYER.matcher(place);
    if (!matcher.matches() || !matcher.group(2).equals(part)) {
      throw new IllegalArgumentException("the place is named like layer.0." + part);
    }
    final int layer = Integer.parseInt(matcher.group(1));
    if (layer >= model.architecture().layers().size()) {
      throw new IllegalArgumentException("the model has no layer " + layer);
    }
    return layer;
  }
}
