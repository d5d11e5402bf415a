package dev.bantam.deltamerging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;

/** Configuration and tokenizer of a merged model. */
final class OutputFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final List<String> TOKENIZER =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "sentencepiece.bpe.model",
          "spiece.model",
          "tokenizer.model");

  private static final List<String> SENTENCE =
      List.of(
          "modules.json",
          "sentence_bert_config.json",
          "config_sentence_transformers.json",
          "1_Pooling/config.json");

  private OutputFiles() {}

  static void tokenizer(Path from, Path to) {
    TOKENIZER.forEach(name -> copy(from, to, name));
  }

  static void sentenceFiles(Path from, Path to) {
    SENTENCE.forEach(name -> copy(from, to, name));
  }

  private static void copy(Path from, Path to, String name) {
    final Path source = from.resolve(name);
    if (Files.isRegularFile(source)) {
      AtomicFiles.createFolders(to.resolve(name).getParent());
      try {
        AtomicFiles.write(to.resolve(name), Files.readAllBytes(source));
      } catch (IOException e) {
        throw BantamException.badInput("Cannot read " + source + ": " + e, e);
      }
    }
  }

  /**
   * The configuration of a model, for the output.
   *
   * @param withHead whether the output has the model's head; without one it is the bare encoder
   * @param type name of the number format, or null if the tensors keep theirs
   */
  static JsonNode config(JsonNode pattern, boolean withHead, String type) {
    final ObjectNode config = pattern.deepCopy();
    if (!withHead) {
      for (String key : List.of("id2label", "label2id", "num_labels", "problem_type")) {
        config.remove(key);
      }
      final JsonNode architectures = config.path("architectures");
      if (architectures.isArray()) {
        final ArrayNode bare = JSON.createArrayNode();
        architectures.forEach(a -> bare.add(a.asText().replaceAll("For[A-Z].*$", "Model")));
        config.set("architectures", bare);
      }
    }
    if (type != null) {
      config.put(config.has("dtype") && !config.has("torch_dtype") ? "dtype" : "torch_dtype", type);
    }
    return config;
  }

  /** A parameter as it stands in a merge file. */
  static JsonNode json(ParameterValue value) {
    if (value.rules().size() == 1 && value.rules().get(0).filter().isEmpty()) {
      return json(value.rules().get(0).gradient());
    }
    final ArrayNode list = JSON.createArrayNode();
    for (ParameterValue.Rule rule : value.rules()) {
      final ObjectNode one = list.addObject();
      rule.filter().ifPresent(filter -> one.put("filter", filter));
      one.set("value", json(rule.gradient()));
    }
    return list;
  }

  private static JsonNode json(List<Double> gradient) {
    if (gradient.size() == 1) {
      return JSON.getNodeFactory().numberNode(gradient.get(0));
    }
    final ArrayNode list = JSON.createArrayNode();
    gradient.forEach(list::add);
    return list;
  }

  static void write(Path file, JsonNode json) {
    final DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    final DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines);
    try {
      AtomicFiles.write(file, JSON.writer(printer).writeValueAsString(json) + "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of plain values is always written", e);
    }
  }

  /** What was merged: names, no paths and no times. */
  static ObjectNode record(MergeRecipe recipe, long seed, Optional<String> base) {
    final ObjectNode record = new ObjectMapper().createObjectNode();
    record.put("merge_method", recipe.method().word()).put("seed", seed);
    record.put("mask_generator", RandomMask.GENERATOR);
    base.ifPresent(name -> record.put("base_model", name));
    recipe.sparsifier().ifPresent(s -> record.put("sparsifier", s.name().toLowerCase(Locale.ROOT)));
    recipe.rescale().ifPresent(r -> record.put("rescale", r.word()));
    recipe.dtype().ifPresent(d -> record.put("dtype", d.word()));
    final ObjectNode parameters = record.putObject("parameters");
    new TreeMap<>(recipe.parameters()).forEach((k, v) -> parameters.set(k, json(v)));
    final var list = record.putArray("models");
    for (MergeRecipe.Model model : recipe.models()) {
      final ObjectNode one = list.addObject().put("model", model.name());
      final ObjectNode own = one.putObject("parameters");
      new TreeMap<>(model.parameters()).forEach((k, v) -> own.set(k, json(v)));
    }
    return record;
  }
}
