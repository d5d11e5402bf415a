package dev.bantam.deltamerging;

import java.util.Collection;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the names of a model's tensors say. */
final class TensorNames {
  /** Prefixes that a model with a head puts in front of the names of its body. */
  private static final List<String> BODIES =
      List.of(
          "bert.",
          "roberta.",
          "xlm_roberta.",
          "distilbert.",
          "electra.",
          "deberta.",
          "mpnet.",
          "albert.",
          "model.");

  private static final Pattern LAYER =
      Pattern.compile("(?:^|\\.)(?:layer|layers|albert_layers|h|block|blocks)\\.([0-9]+)\\.");

  private static final Pattern HEAD =
      Pattern.compile(
          "(?:classifier|pre_classifier|score|qa_outputs|cls|lm_head|predictions|lm_predictions|"
              + "discriminator_predictions|generator_predictions|generator_lm_head|head)\\..*"
              + "|decoder\\.(?:weight|bias)|vocab_.*");

  private TensorNames() {}

  /** The name without the prefix of the body and in today's terms, by which models are matched. */
  static String canonical(String stored) {
    String name = stored;
    for (String body : BODIES) {
      if (name.startsWith(body)) {
        name = name.substring(body.length());
        break;
      }
    }
    if (name.endsWith("LayerNorm.gamma")) {
      return name.substring(0, name.length() - "gamma".length()) + "weight";
    }
    if (name.endsWith("LayerNorm.beta")) {
      return name.substring(0, name.length() - "beta".length()) + "bias";
    }
    return name;
  }

  /** Whether a tensor belongs to a head. */
  static boolean isHead(String canonical) {
    return HEAD.matcher(canonical).matches();
  }

  /** The number of the layer that a tensor is in. */
  static OptionalInt layer(String name) {
    final Matcher matcher = LAYER.matcher(name);
    return matcher.find()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
  }

  /** The number of layers. */
  static int layers(Collection<String> names) {
    return names.stream().mapToInt(n -> layer(n).orElse(-1)).max().orElse(-1) + 1;
  }

  /** Position of a tensor's layer from 0 to 1; a single layer is at 1, all else at 0. */
  static double depth(String name, int layers) {
    final OptionalInt layer = layer(name);
    if (layer.isEmpty()) {
      return 0;
    }
    return layers == 1 ? 1 : (double) layer.getAsInt() / (layers - 1);
  }
}
