package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The {@code config.json} of a Hugging Face encoder of one of the {@link EncoderFamily families}.
 *
 * @param architecture everything but the pooler, which only the weights can tell
 * @param architectures class names under {@code architectures}
 * @param labels {@code id2label} in order, or generated from {@code num_labels}; empty if neither
 *     is given
 * @param problemType {@code problem_type}
 * @param pooling {@code bantam_pooling}
 * @param normalize {@code bantam_normalize}
 * @param maxLength {@code bantam_max_length}
 * @param signature {@code bantam_onnx}, the standard names if absent
 * @param licence {@code bantam_licence}
 * @param attribution {@code bantam_attribution}
 */
record EncoderConfig(
    Architecture architecture,
    List<String> architectures,
    List<String> labels,
    Optional<String> problemType,
    Optional<Pooling> pooling,
    Optional<Boolean> normalize,
    OptionalInt maxLength,
    Signature signature,
    Optional<String> licence,
    Optional<String> attribution) {

  private static final int MAX_LAYERS = 1000;
  private static final int MAX_LABELS = 100_000;

  /** DistilBERT has no key for it. */
  private static final double FIXED_EPSILON = 1e-12;

  private static final int MPNET_BUCKETS = 32;
  private static final int MPNET_FARTHEST = 128;
  private static final String SEQUENCE_HEAD = "ForSequenceClassification";
  private static final String TOKEN_HEAD = "ForTokenClassification";

  /**
   * Reads a configuration; what is wrong goes to the object's problems.
   *
   * @param plain whether the weights are read as they are, so that none may be quantized
   * @throws dev.bantam.tensor.BantamException (bad input) if the model is of no supported family,
   *     so that the other keys mean nothing
   */
  static EncoderConfig read(JsonObject json, boolean plain) {
    final EncoderFamily family = family(json);
    final Architecture architecture = architecture(json, family);
    refuseVariants(json);
    if (plain && json.has("quantization_config")) {
      json.problem("quantization_config", "only unquantized weights are read here");
    }
    return new EncoderConfig(
        architecture,
        json.texts("architectures"),
        labels(json),
        json.text("problem_type"),
        pooling(json),
        json.flag("bantam_normalize"),
        json.optionalInteger("bantam_max_length", 1),
        signature(json, architecture),
        json.text("bantam_licence"),
        json.text("bantam_attribution"));
  }

  private static EncoderFamily family(JsonObject json) {
    final Optional<EncoderFamily> family = json.text("model_type").flatMap(EncoderFamily::of);
    if (family.isEmpty()) {
      json.problem(
          "model_type",
          "supported are " + EncoderFamily.supported() + " (MiniLM, BGE and E5 are \"bert\")");
      json.throwProblems();
    }
    return family.orElseThrow();
  }

  private static Architecture architecture(JsonObject json, EncoderFamily family) {
    final EncoderFamily.Keys keys = family.keys;
    final int hidden = json.integer(keys.hidden(), 1);
    final int heads = json.integer(keys.heads(), 1);
    if (hidden % heads != 0) {
      json.problem(keys.heads(), "it must divide " + keys.hidden() + " " + hidden);
    }
    final List<Integer> weights = layerWeights(json, family);
    final Architecture.LayerShape shape =
        new Architecture.LayerShape(heads, json.integer(keys.ffn(), 1));
    final int positions = json.integer("max_position_embeddings", 1);
    final int pad = json.optionalInteger("pad_token_id", 0).orElse(family.padTokenId);
    if (family.positionScheme() == Architecture.PositionScheme.LEARNED_AFTER_PADDING
        && positions < pad + 2) {
      json.problem(
          "max_position_embeddings", "positions start behind pad_token_id " + pad + " here");
    }
    return new Architecture(
        family.modelType,
        json.integer("vocab_size", 1),
        positions,
        keys.tokenTypes().isEmpty() ? 0 : json.integer(keys.tokenTypes(), 1),
        hidden,
        Math.max(1, hidden / heads),
        Collections.nCopies(weights.size(), shape),
        activation(json, keys.activation()),
        Architecture.NormPlacement.POST,
        family.positionScheme(),
        keys.epsilon().isEmpty() ? FIXED_EPSILON : json.positive(keys.epsilon()),
        pad,
        false,
        family.poolerActivation(),
        embeddings(json, family, hidden),
        weights,
        relativeBias(json, family));
  }

  /** The weights of each layer, if there were as many as the file claims. */
  private static List<Integer> layerWeights(JsonObject json, EncoderFamily family) {
    final String key = family.keys.layers();
    final boolean shared = family == EncoderFamily.ALBERT;
    final int runs = json.integer(key, 1);
    final int groups = shared ? json.integer("num_hidden_groups", 1) : runs;
    final int inner = shared ? json.integer("inner_group_num", 1) : 1;
    if (groups > runs) {
      json.problem("num_hidden_groups", "at most " + key + " " + runs + " groups can be used");
    }
    // a header may claim any number of layers; the weights decide whether they exist
    if ((long) runs * inner > MAX_LAYERS) {
      json.problem(key, "at most " + MAX_LAYERS + " layers are supported");
      return List.of(0);
    }
    return new SharedLayers(runs, Math.min(groups, runs), inner).weights();
  }

  private static Architecture.Embeddings embeddings(
      JsonObject json, EncoderFamily family, int hidden) {
    return switch (family) {
      case ALBERT -> new Architecture.Embeddings(json.integer("embedding_size", 1), true);
      case ELECTRA -> {
        final int width = json.integer("embedding_size", 1);
        yield new Architecture.Embeddings(width, width != hidden);
      }
      case BERT, DISTILBERT, ROBERTA, XLM_ROBERTA, MPNET ->
          new Architecture.Embeddings(hidden, false);
    };
  }

  private static Optional<Architecture.RelativeBias> relativeBias(
      JsonObject json, EncoderFamily family) {
    if (family != EncoderFamily.MPNET) {
      return Optional.empty();
    }
    final String key = "relative_attention_num_buckets";
    if (json.optionalInteger(key, 1).orElse(MPNET_BUCKETS) != MPNET_BUCKETS) {
      json.problem(key, "supported is " + MPNET_BUCKETS + ", which the library always uses");
    }
    return Optional.of(new Architecture.RelativeBias(MPNET_BUCKETS, MPNET_FARTHEST));
  }

  private static Signature signature(JsonObject json, Architecture architecture) {
    final JsonNode names = json.at("bantam_onnx");
    if (names.isMissingNode() || names.isNull()) {
      return Signature.of(architecture);
    }
    final JsonNode types = names.path("token_type_ids");
    try {
      return new Signature(
          names.path("input_ids").textValue(),
          names.path("attention_mask").textValue(),
          types.isMissingNode() ? Optional.empty() : Optional.of(types.textValue()),
          names.path("last_hidden_state").textValue());
    } catch (IllegalArgumentException | NullPointerException e) { // equal, or not texts
      json.problem(
          "bantam_onnx",
          "different texts under input_ids, attention_mask, last_hidden_state and, if there are"
              + " token types, token_type_ids are needed");
      return Signature.STANDARD;
    }
  }

  private static void refuseVariants(JsonObject json) {
    final String positions = "position_embedding_type";
    if (json.text(positions).filter(t -> !t.equals("absolute")).isPresent()) {
      json.problem(positions, "supported is \"absolute\"");
    }
    for (final String key : List.of("is_decoder", "add_cross_attention")) {
      if (json.flag(key).orElse(false)) {
        json.problem(key, "only encoders are supported");
      }
    }
    if (json.at("pruned_heads").size() > 0) {
      json.problem("pruned_heads", "save the model with its heads removed from the weights");
    }
  }

  private static Architecture.Activation activation(JsonObject json, String key) {
    final Optional<String> name = json.text(key);
    if (name.isPresent()) {
      switch (name.get()) {
        case "gelu":
          return Architecture.Activation.GELU_ERF;
        case "gelu_new", "gelu_pytorch_tanh":
          return Architecture.Activation.GELU_TANH;
        case "relu":
          return Architecture.Activation.RELU;
        default:
          break;
      }
    }
    if (name.isPresent() || !json.has(key)) {
      json.problem(key, "supported are gelu, gelu_new, gelu_pytorch_tanh and relu");
    }
    return Architecture.Activation.GELU_ERF;
  }

  private static Optional<Pooling> pooling(JsonObject json) {
    final Optional<String> text = json.text("bantam_pooling");
    for (final Pooling pooling : Pooling.values()) {
      if (text.filter(pooling.name().toLowerCase(Locale.ROOT)::equals).isPresent()) {
        return Optional.of(pooling);
      }
    }
    if (text.isPresent()) {
      json.problem("bantam_pooling", "supported are \"mean\", \"cls\" and \"pooler\"");
    }
    return Optional.empty();
  }

  /**
   * The head that a configuration beside an ONNX file describes, whatever else it lacks; empty if
   * it names no labels or is of another kind.
   */
  static Optional<Head> head(JsonObject json, Problems problems) {
    final List<String> architectures = json.texts("architectures");
    final List<String> labels = labels(json);
    if (!labels.isEmpty() && tokenHead(architectures)) {
      return Optional.of(new Head(Head.Kind.TOKEN_LABEL, labels));
    }
    return labels.isEmpty() || !sequenceHead(architectures, labels)
        ? Optional.empty()
        : Optional.of(new Head(kind(labels, json.text("problem_type"), problems), labels));
  }

  private static List<String> labels(JsonObject json) {
    final JsonNode map = json.at("id2label");
    if (map.isMissingNode() || map.isNull()) {
      final int count = json.optionalInteger("num_labels", 1).orElse(0);
      if (count > MAX_LABELS) {
        json.problem("num_labels", "at most " + MAX_LABELS + " labels are supported");
      }
      return generated(Math.min(count, MAX_LABELS));
    }
    final List<String> labels = new ArrayList<>();
    for (int i = 0; i < map.size(); i++) {
      final JsonNode label = map.path(Integer.toString(i));
      if (label.isTextual()) {
        labels.add(label.textValue());
      }
    }
    if (!map.isObject() || labels.size() != map.size()) {
      json.problem("id2label", "an object that gives each number from \"0\" on a text is needed");
      return List.of();
    }
    json.optionalInteger("num_labels", 1)
        .ifPresent(
            n -> {
              if (n != labels.size()) {
                json.problem("num_labels", "id2label has " + labels.size() + " entries");
              }
            });
    return labels;
  }

  /** The names that Hugging Face's library makes up. */
  static List<String> generated(int count) {
    final List<String> labels = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      labels.add("LABEL_" + i);
    }
    return labels;
  }

  /** Whether the file says that {@code classifier} is a head, of pooled vectors or of tokens. */
  boolean classifierHead() {
    return tokenHead(architectures) || sequenceHead(architectures, labels);
  }

  private static boolean tokenHead(List<String> architectures) {
    return architectures.stream().anyMatch(a -> a.endsWith(TOKEN_HEAD));
  }

  private static boolean sequenceHead(List<String> architectures, List<String> labels) {
    return architectures.stream().anyMatch(a -> a.endsWith(SEQUENCE_HEAD))
        || (architectures.isEmpty() && !labels.isEmpty());
  }

  /** Whether the file says that it was saved with a head of another kind. */
  boolean otherHead() {
    return !architectures.isEmpty()
        && architectures.stream()
            .allMatch(
                a -> a.contains("For") && !a.endsWith(SEQUENCE_HEAD) && !a.endsWith(TOKEN_HEAD));
  }

  /** What the outputs of the head mean; problems go to the file's. */
  Head.Kind kind(List<String> names, Problems problems) {
    return tokenHead(architectures) ? Head.Kind.TOKEN_LABEL : kind(names, problemType, problems);
  }

  private static Head.Kind kind(
      List<String> names, Optional<String> problemType, Problems problems) {
    final String type =
        problemType.orElse(names.size() == 1 ? "regression" : "single_label_classification");
    switch (type) {
      case "single_label_classification":
        return Head.Kind.SINGLE_LABEL;
      case "multi_label_classification":
        return Head.Kind.MULTI_LABEL;
      case "regression":
        if (names.size() != 1) {
          problems.add(
              "config.json: key 'problem_type' is \"regression\" with "
                  + names.size()
                  + " labels; supported is one");
          return Head.Kind.SINGLE_LABEL;
        }
        return Head.Kind.REGRESSION;
      default:
        problems.add(
            "config.json: key 'problem_type' is \""
                + type
                + "\"; supported are regression,"
                + " single_label_classification and multi_label_classification");
        return Head.Kind.SINGLE_LABEL;
    }
  }
}
