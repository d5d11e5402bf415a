package dev.bantam.checkpoint;

import dev.bantam.checkpoint.EncoderFamily.HeadStyle;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a family's files call the weights, beside Bantam's own names: those of Hugging Face's BERT
 * base model, plus {@code embeddings.projection} and {@code encoder.relative_attention_bias}
 * (docs/decisions/0013-encoders.md).
 */
public final class WeightNames {
  private static final String POOLER = "pooler.dense";
  private static final String CLASSIFIER = "classifier";
  private static final String OWN_DENSE = "classifier.dense";
  private static final String OWN_OUTPUT = "classifier.out_proj";
  private static final String PRE_CLASSIFIER = "pre_classifier";
  private static final Pattern LAYER = Pattern.compile("encoder\\.layer\\.([0-9]{1,6})\\.(.+)");
  private static final Pattern DISTILBERT =
      Pattern.compile("transformer\\.layer\\.([0-9]{1,6})\\.(.+)");
  private static final Pattern ALBERT =
      Pattern.compile(
          "encoder\\.albert_layer_groups\\.([0-9]{1,6})\\.albert_layers\\.([0-9]{1,6})\\.(.+)");

  private final EncoderFamily family;
  private final int inner;
  private final Map<String, String> canonical;
  private final Map<String, String> stored = new LinkedHashMap<>();

  private WeightNames(EncoderFamily family, int inner) {
    this.family = family;
    this.inner = inner;
    this.canonical = modules(family);
    canonical.forEach((from, to) -> stored.put(to, from));
  }

  /**
   * The names in files of an architecture's {@code model_type}.
   *
   * @throws IllegalArgumentException if no such family is known
   */
  public static WeightNames of(Architecture architecture) {
    return new WeightNames(
        EncoderFamily.of(architecture),
        SharedLayers.of(architecture.layerWeights()).map(SharedLayers::inner).orElse(1));
  }

  /** Stored module to canonical one, those of layers without the layer's path. */
  private static Map<String, String> modules(EncoderFamily family) {
    return switch (family) {
      case BERT, ROBERTA, XLM_ROBERTA -> Map.of();
      case ELECTRA -> Map.of("embeddings_project", EncoderParameters.PROJECTION);
      case MPNET ->
          Map.of(
              "attention.attn.q", "attention.self.query",
              "attention.attn.k", "attention.self.key",
              "attention.attn.v", "attention.self.value",
              "attention.attn.o", "attention.output.dense",
              "attention.LayerNorm", "attention.output.LayerNorm");
      case DISTILBERT ->
          Map.of(
              "attention.q_lin", "attention.self.query",
              "attention.k_lin", "attention.self.key",
              "attention.v_lin", "attention.self.value",
              "attention.out_lin", "attention.output.dense",
              "sa_layer_norm", "attention.output.LayerNorm",
              "ffn.lin1", "intermediate.dense",
              "ffn.lin2", "output.dense",
              "output_layer_norm", "output.LayerNorm");
      case ALBERT ->
          Map.of(
              "encoder.embedding_hidden_mapping_in", EncoderParameters.PROJECTION,
              "pooler", POOLER,
              "attention.query", "attention.self.query",
              "attention.key", "attention.self.key",
              "attention.value", "attention.self.value",
              "attention.dense", "attention.output.dense",
              "attention.LayerNorm", "attention.output.LayerNorm",
              "ffn", "intermediate.dense",
              "ffn_output", "output.dense",
              "full_layer_layer_norm", "output.LayerNorm");
    };
  }

  /** A stored name without the family's prefix, and with {@code gamma} and {@code beta} renamed. */
  String plain(String name) {
    final String base =
        name.startsWith(family.weightPrefix) ? name.substring(family.weightPrefix.length()) : name;
    if (base.endsWith("LayerNorm.gamma")) {
      return base.substring(0, base.length() - "gamma".length()) + "weight";
    }
    if (base.endsWith("LayerNorm.beta")) {
      return base.substring(0, base.length() - "beta".length()) + "bias";
    }
    return base;
  }

  /** Whether a {@link #plain} name belongs to the dense layer of a head of texts. */
  boolean isHeadDense(String plain) {
    return switch (family.headStyle) {
      case BASE_POOLER -> false;
      case OWN_DENSE -> plain.startsWith(OWN_DENSE + ".");
      case PRE_CLASSIFIER -> plain.startsWith(PRE_CLASSIFIER + ".");
    };
  }

  /** Bantam's name of a stored tensor; a canonical or unknown name stays, less the prefix. */
  public String canonical(String name) {
    final String plain = plain(name);
    final int dot = plain.lastIndexOf('.');
    if (dot < 0) {
      return plain;
    }
    return canonicalModule(plain.substring(0, dot)) + plain.substring(dot);
  }

  private String canonicalModule(String module) {
    if (isHeadDense(module + ".")) {
      return POOLER;
    }
    if (family.headStyle == HeadStyle.OWN_DENSE && module.equals(OWN_OUTPUT)) {
      return CLASSIFIER;
    }
    final Matcher albert = ALBERT.matcher(module);
    if (family == EncoderFamily.ALBERT && albert.matches()) {
      final long n = Long.parseLong(albert.group(1)) * inner + Long.parseLong(albert.group(2));
      return layer(n, renamed(canonical, albert.group(3)));
    }
    final Matcher distilbert = DISTILBERT.matcher(module);
    if (family == EncoderFamily.DISTILBERT && distilbert.matches()) {
      return layer(Long.parseLong(distilbert.group(1)), renamed(canonical, distilbert.group(2)));
    }
    final Matcher layer = LAYER.matcher(module);
    return layer.matches()
        ? layer(Long.parseLong(layer.group(1)), renamed(canonical, layer.group(2)))
        : renamed(canonical, module);
  }

  private static String layer(long n, String module) {
    return "encoder.layer." + n + "." + module;
  }

  private static String renamed(Map<String, String> names, String module) {
    return names.getOrDefault(module, module);
  }

  /**
   * What the family's own files call a tensor. With a head of the library's classes, names of the
   * encoder have the family's prefix; a BERT's never have, as both forms are read everywhere.
   *
   * @param name canonical
   * @param head whether the model is one of the library's classes with a head
   * @param onPooler whether that head stands on {@code pooler.dense}
   */
  public String stored(String name, boolean head, boolean onPooler) {
    final int dot = name.lastIndexOf('.');
    final String module = name.substring(0, dot);
    final String end = name.substring(dot);
    if (module.equals(CLASSIFIER)) {
      return (onPooler && family.headStyle == HeadStyle.OWN_DENSE ? OWN_OUTPUT : module) + end;
    }
    if (module.equals(POOLER) && family.headStyle == HeadStyle.PRE_CLASSIFIER) {
      return PRE_CLASSIFIER + end;
    }
    if (module.equals(POOLER) && onPooler && family.headStyle == HeadStyle.OWN_DENSE) {
      return OWN_DENSE + end;
    }
    final String prefix = head && family != EncoderFamily.BERT ? family.weightPrefix : "";
    return prefix + storedModule(module) + end;
  }

  private String storedModule(String module) {
    final Matcher layer = LAYER.matcher(module);
    if (!layer.matches()) {
      return renamed(stored, module);
    }
    final String inside = renamed(stored, layer.group(2));
    final int n = Integer.parseInt(layer.group(1));
    return switch (family) {
      case DISTILBERT -> "transformer.layer." + n + "." + inside;
      case ALBERT ->
          "encoder.albert_layer_groups." + n / inner + ".albert_layers." + n % inner + "." + inside;
      case BERT, ROBERTA, XLM_ROBERTA, ELECTRA, MPNET -> layer(n, inside);
    };
  }

  /** What the head for masked tokens calls a stored tensor; empty for those of other parts. */
  Optional<String> maskedLanguage(String name) {
    final String plain = plain(name);
    final String inner =
        switch (family) {
          case BERT -> "cls.predictions.";
          case ROBERTA, XLM_ROBERTA, MPNET -> "lm_head.";
          case ELECTRA -> "generator_";
          case ALBERT -> "predictions.";
          case DISTILBERT -> "vocab_";
        };
    if (!plain.startsWith(inner)) {
      return Optional.empty();
    }
    final String rest = plain.substring(inner.length());
    final int dot = rest.lastIndexOf('.');
    final String end = dot < 0 ? "" : rest.substring(dot);
    return switch (dot < 0 ? rest : rest.substring(0, dot)) {
      case "transform.dense", "dense", "transform", "predictions.dense" ->
          Optional.of(MaskedLanguageHead.DENSE + end);
      case "transform.LayerNorm", "layer_norm", "LayerNorm", "predictions.LayerNorm" ->
          Optional.of(MaskedLanguageHead.NORM + end);
      case "bias" -> Optional.of(MaskedLanguageHead.BIAS);
      case "lm_head", "projector" ->
          end.equals(".bias") ? Optional.of(MaskedLanguageHead.BIAS) : Optional.empty();
      default -> Optional.empty(); // tied decoders
    };
  }

  /** The activation of that head: the encoder's, or the one that the family's class has fixed. */
  Architecture.Activation maskedActivation(Architecture architecture) {
    return switch (family) {
      case BERT, DISTILBERT, ALBERT -> architecture.activation();
      case ROBERTA, XLM_ROBERTA, ELECTRA, MPNET -> Architecture.Activation.GELU_ERF;
    };
  }

  /** The prefixes of the tensors of heads that models of the family are pre-trained with. */
  List<String> pretraining() {
    return family.pretraining;
  }
}
