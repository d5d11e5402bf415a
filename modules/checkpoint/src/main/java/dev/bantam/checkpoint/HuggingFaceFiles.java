package dev.bantam.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.AtomicFiles;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * Writes everything of a model folder but the weights: {@code config.json}, {@code tokenizer.json},
 * and for a sentence encoder the files of sentence-transformers. {@link HuggingFaceFolder} reads
 * them back to the same architecture, head, pooling, longest input and licence.
 *
 * <p>A head on the mean or the first token has no class in Hugging Face's library: such a folder
 * names the labels and {@code bantam_pooling} but no class under {@code architectures}, so that
 * nothing is loaded as what it is not.
 *
 * <p>Keys, classes and names of weights are those of the model's family.
 */
public final class HuggingFaceFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  private HuggingFaceFiles() {}

  /**
   * Writes the files into an existing folder; equal models give equal bytes.
   *
   * @throws IllegalArgumentException if layers differ in shape, which the format cannot say
   * @throws dev.bantam.tensor.BantamException (bad input) if a file cannot be written
   */
  public static void write(Path folder, Checkpoint model) {
    write(folder.resolve("config.json"), config(model));
    model
        .tokenizer()
        .ifPresent(
            tokenizer -> AtomicFiles.write(folder.resolve("tokenizer.json"), tokenizer.file()));
    if (model.head().isEmpty() && model.pooling() != Pooling.POOLER) {
      sentenceFiles(folder, model);
    }
  }

  private static ObjectNode config(Checkpoint model) {
    final Architecture a = model.architecture();
    if (!a.layers().stream().allMatch(a.layers().get(0)::equals)) {
      throw new IllegalArgumentException("config.json cannot say that layers differ in shape");
    }
    final ObjectNode config = JSON.createObjectNode();
    architectures(model, config);
    sizes(a, config);
    model.head().ifPresent(head -> head(head, config));
    config
        .put("bantam_pooling", model.pooling().name().toLowerCase(Locale.ROOT))
        .put("bantam_normalize", model.normalize())
        .put("bantam_max_length", model.maxLength())
        .put("bantam_licence", model.provenance().licence());
    if (!model.provenance().attribution().isEmpty()) {
      config.put("bantam_attribution", model.provenance().attribution());
    }
    if (!model.signature().equals(Signature.of(a))) {
      signature(model.signature(), config.putObject("bantam_onnx"));
    }
    return config;
  }

  /** The sizes under the family's keys; a BERT's in the order in which they always stood. */
  private static void sizes(Architecture a, ObjectNode config) {
    final EncoderFamily family = EncoderFamily.of(a);
    final EncoderFamily.Keys keys = family.keys;
    final SharedLayers shared =
        SharedLayers.of(a.layerWeights())
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "config.json cannot say which layers share weights here: "
                            + a.layerWeights()));
    config
        .put("model_type", a.modelType())
        .put("vocab_size", a.vocabularySize())
        .put(keys.hidden(), a.hiddenSize())
        .put(keys.layers(), shared.runs())
        .put(keys.heads(), a.hiddenSize() / a.headSize())
        .put(keys.ffn(), a.layers().get(0).ffnWidth())
        .put(keys.activation(), activation(a.activation()))
        .put("max_position_embeddings", a.positions());
    if (!keys.tokenTypes().isEmpty()) {
      config.put(keys.tokenTypes(), a.tokenTypes());
    }
    if (!keys.epsilon().isEmpty()) {
      config.put(keys.epsilon(), a.layerNormEps());
    }
    config.put("pad_token_id", a.padTokenId());
    switch (family) {
      case BERT, ROBERTA, XLM_ROBERTA -> config.put("position_embedding_type", "absolute");
      case ELECTRA -> config.put("embedding_size", a.embeddings().width());
      case ALBERT ->
          config
              .put("embedding_size", a.embeddings().width())
              .put("num_hidden_groups", shared.groups())
              .put("inner_group_num", shared.inner());
      case DISTILBERT -> config.put("sinusoidal_pos_embds", false);
      case MPNET ->
          a.relativeBias()
              .ifPresent(bias -> config.put("relative_attention_num_buckets", bias.buckets()));
    }
    config.put("torch_dtype", "float32");
  }

  private static void signature(Signature signature, ObjectNode names) {
    names.put("input_ids", signature.inputIds()).put("attention_mask", signature.attentionMask());
    signature.tokenTypeIds().ifPresent(types -> names.put("token_type_ids", types));
    names.put("last_hidden_state", signature.output());
  }

  private static void architectures(Checkpoint model, ObjectNode config) {
    final String family = EncoderFamily.of(model.architecture()).classPrefix;
    if (model.head().isEmpty()) {
      config.putArray("architectures").add(family + "Model");
    } else if (model.head().get().kind() == Head.Kind.TOKEN_LABEL) {
      config.putArray("architectures").add(family + "ForTokenClassification");
    } else if (model.pooling() == Pooling.POOLER) {
      config.putArray("architectures").add(family + "ForSequenceClassification");
    }
  }

  /**
   * What the files of the model's family call a tensor, for weights that other tools are to read.
   *
   * @param name canonical, as in {@link Checkpoint#parameters()}
   */
  public static String storedName(Checkpoint model, String name) {
    final boolean tokens = model.head().filter(h -> h.kind() == Head.Kind.TOKEN_LABEL).isPresent();
    final boolean onPooler =
        model.head().isPresent() && !tokens && model.pooling() == Pooling.POOLER;
    return WeightNames.of(model.architecture()).stored(name, tokens || onPooler, onPooler);
  }

  private static void head(Head head, ObjectNode config) {
    final ObjectNode names = config.putObject("id2label");
    final ObjectNode ids = config.putObject("label2id");
    for (int i = 0; i < head.labels().size(); i++) {
      names.put(Integer.toString(i), head.labels().get(i));
      ids.put(head.labels().get(i), i);
    }
    problemType(head.kind()).ifPresent(type -> config.put("problem_type", type));
  }

  /** What the outputs of a head on the pooled vector mean; the format has no word for tokens. */
  private static Optional<String> problemType(Head.Kind kind) {
    return switch (kind) {
      case SINGLE_LABEL -> Optional.of("single_label_classification");
      case MULTI_LABEL -> Optional.of("multi_label_classification");
      case REGRESSION -> Optional.of("regression");
      case TOKEN_LABEL -> Optional.empty();
    };
  }

  private static String activation(Architecture.Activation activation) {
    return switch (activation) {
      case GELU_ERF -> "gelu";
      case GELU_TANH -> "gelu_new";
      case RELU -> "relu";
    };
  }

  private static void sentenceFiles(Path folder, Checkpoint model) {
    final ArrayNode modules = JSON.createArrayNode();
    module(modules, "", "Transformer");
    module(modules, "1_Pooling", "Pooling");
    if (model.normalize()) {
      module(modules, "2_Normalize", "Normalize");
    }
    write(folder.resolve("modules.json"), modules);
    write(
        folder.resolve("sentence_bert_config.json"),
        JSON.createObjectNode()
            .put("max_seq_length", model.maxLength())
            .put("do_lower_case", false));
    final ObjectNode pooling =
        JSON.createObjectNode()
            .put("word_embedding_dimension", model.architecture().hiddenSize())
            .put("pooling_mode_cls_token", model.pooling() == Pooling.CLS)
            .put("pooling_mode_mean_tokens", model.pooling() == Pooling.MEAN);
    AtomicFiles.createFolders(folder.resolve("1_Pooling"));
    write(folder.resolve("1_Pooling").resolve("config.json"), pooling);
  }

  private static void module(ArrayNode modules, String path, String type) {
    modules
        .addObject()
        .put("idx", modules.size() - 1)
        .put("name", Integer.toString(modules.size() - 1))
        .put("path", path)
        .put("type", "sentence_transformers.models." + type);
  }

  private static void write(Path file, JsonNode json) {
    final DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    final DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines);
    try {
      AtomicFiles.write(file, JSON.writer(printer).writeValueAsString(json) + "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of plain values is always written", e);
    }
  }
}
