package dev.bantam.checkpoint;

import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Architecture.PositionScheme;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The families of encoders whose Hugging Face folders are read and written: what their files call
 * things, and what of the architecture they leave unsaid. Nothing behind the reader asks for the
 * family; an {@link Architecture} says all.
 */
enum EncoderFamily {
  /** BERT and what is stored as one: MiniLM, BGE, E5. */
  BERT("bert", "Bert", "bert.", Keys.USUAL, 0, HeadStyle.BASE_POOLER, List.of("cls.")),
  DISTILBERT(
      "distilbert",
      "DistilBert",
      "distilbert.",
      Keys.DISTILBERT,
      0,
      HeadStyle.PRE_CLASSIFIER,
      List.of("vocab_transform.", "vocab_layer_norm.", "vocab_projector.")),
  ROBERTA(
      "roberta", "Roberta", "roberta.", Keys.USUAL, 1, HeadStyle.OWN_DENSE, List.of("lm_head.")),
  XLM_ROBERTA(
      "xlm-roberta",
      "XLMRoberta",
      "roberta.",
      Keys.USUAL,
      1,
      HeadStyle.OWN_DENSE,
      List.of("lm_head.")),
  ELECTRA(
      "electra",
      "Electra",
      "electra.",
      Keys.USUAL,
      0,
      HeadStyle.OWN_DENSE,
      List.of("discriminator_predictions.", "generator_predictions.", "generator_lm_head.")),
  ALBERT(
      "albert",
      "Albert",
      "albert.",
      Keys.USUAL,
      0,
      HeadStyle.BASE_POOLER,
      List.of("predictions.", "sop_classifier.")),
  MPNET("mpnet", "MPNet", "mpnet.", Keys.MPNET, 1, HeadStyle.OWN_DENSE, List.of("lm_head."));

  /**
   * What {@code config.json} calls the sizes.
   *
   * @param epsilon empty where all models of the family have 1e-12
   * @param tokenTypes empty where the family has none
   */
  record Keys(
      String hidden,
      String layers,
      String heads,
      String ffn,
      String activation,
      String epsilon,
      String tokenTypes) {
    private static final Keys USUAL =
        new Keys(
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "layer_norm_eps",
            "type_vocab_size");
    private static final Keys MPNET =
        new Keys(
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "layer_norm_eps",
            "");
    private static final Keys DISTILBERT =
        new Keys("dim", "n_layers", "n_heads", "hidden_dim", "activation", "", "");
  }

  /** Where the dense layer in front of the classifier of texts is stored. */
  enum HeadStyle {
    /** It is the pooler of the base model. */
    BASE_POOLER,
    /** {@code classifier.dense} and {@code classifier.out_proj}. */
    OWN_DENSE,
    /** {@code pre_classifier} and {@code classifier}. */
    PRE_CLASSIFIER
  }

  final String modelType;
  final String classPrefix;
  final String weightPrefix;
  final Keys keys;
  final int padTokenId;
  final HeadStyle headStyle;
  final List<String> pretraining;

  EncoderFamily(
      String modelType,
      String classPrefix,
      String weightPrefix,
      Keys keys,
      int padTokenId,
      HeadStyle headStyle,
      List<String> pretraining) {
    this.modelType = modelType;
    this.classPrefix = classPrefix;
    this.weightPrefix = weightPrefix;
    this.keys = keys;
    this.padTokenId = padTokenId;
    this.headStyle = headStyle;
    this.pretraining = pretraining;
  }

  /** The family of a {@code model_type}. */
  static Optional<EncoderFamily> of(String modelType) {
    return Arrays.stream(values()).filter(f -> f.modelType.equals(modelType)).findFirst();
  }

  /** The family of an architecture, which was read from one of these. */
  static EncoderFamily of(Architecture architecture) {
    return of(architecture.modelType())
        .orElseThrow(
            () -> new IllegalArgumentException("No family is called " + architecture.modelType()));
  }

  /** All values of {@code model_type}, for messages. */
  static String supported() {
    return Arrays.stream(values())
        .map(f -> '"' + f.modelType + '"')
        .sorted()
        .collect(Collectors.joining(", "));
  }

  PositionScheme positionScheme() {
    return switch (this) {
      case BERT, DISTILBERT, ELECTRA, ALBERT -> PositionScheme.LEARNED;
      case ROBERTA, XLM_ROBERTA, MPNET -> PositionScheme.LEARNED_AFTER_PADDING;
    };
  }

  PoolerActivation poolerActivation() {
    return switch (this) {
      case BERT, ROBERTA, XLM_ROBERTA, ALBERT, MPNET -> PoolerActivation.TANH;
      case ELECTRA -> PoolerActivation.GELU;
      case DISTILBERT -> PoolerActivation.RELU;
    };
  }
}
