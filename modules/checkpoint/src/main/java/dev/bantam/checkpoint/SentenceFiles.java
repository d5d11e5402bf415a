package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the files of sentence-transformers beside a model say: {@code modules.json}, the pooling and
 * normalising modules, and the longest input. Reads the published layout (flags such as {@code
 * pooling_mode_mean_tokens}, {@code max_seq_length} in {@code sentence_bert_config.json}) and that
 * of version 6 ({@code pooling_mode} as a text, {@code model_max_length} in {@code
 * tokenizer_config.json}).
 *
 * @param pooling pooling, if the folder says
 * @param normalize whether a Normalize module follows, if the folder lists its modules
 * @param maxLength longest input in tokens, special tokens included, if the folder says
 */
record SentenceFiles(
    Optional<Pooling> pooling, Optional<Boolean> normalize, OptionalInt maxLength) {

  private static final List<String> FLAGS =
      List.of(
          "pooling_mode_cls_token",
          "pooling_mode_mean_tokens",
          "pooling_mode_max_tokens",
          "pooling_mode_mean_sqrt_len_tokens",
          "pooling_mode_weightedmean_tokens",
          "pooling_mode_lasttoken");

  /**
   * Reads a folder.
   *
   * @param positions length of the position table; longer limits are cut to it
   */
  static SentenceFiles read(Path folder, int positions, Problems problems) {
    Optional<Pooling> pooling = Optional.empty();
    Optional<Boolean> normalize = Optional.empty();
    final Path modules = folder.resolve("modules.json");
    if (Files.isRegularFile(modules)) {
      final JsonNode list = JsonObject.tree(modules);
      if (!list.isArray()) {
        problems.add("modules.json: a list of modules is needed");
      }
      normalize = Optional.of(false);
      for (final JsonNode module : list) {
        final String type = module.path("type").asText();
        final String path = module.path("path").asText();
        switch (type.substring(type.lastIndexOf('.') + 1)) {
          case "Transformer" -> checkInPlace(path, problems);
          case "Pooling" -> pooling = pooling(folder, path, problems);
          case "Normalize" -> normalize = Optional.of(true);
          default ->
              problems.add(
                  "modules.json: module '"
                      + type
                      + "' is not supported; supported are Transformer, Pooling and Normalize");
        }
      }
    }
    return new SentenceFiles(pooling, normalize, maxLength(folder, positions, problems));
  }

  private static void checkInPlace(String path, Problems problems) {
    if (!path.isEmpty() && !path.equals(".")) {
      problems.add(
          "modules.json: the transformer is in '"
              + path
              + "'; open that folder, or move its files"
              + " up and set its path to \"\"");
    }
  }

  private static Optional<Pooling> pooling(Path folder, String path, Problems problems) {
    if (!FileNames.isPlain(path)) {
      problems.add("modules.json: path '" + path + "' leaves the folder or is not a plain name");
      return Optional.empty();
    }
    final JsonObject json = JsonObject.read(folder.resolve(path).resolve("config.json"), problems);
    final List<String> chosen = new ArrayList<>();
    if (json.has("pooling_mode")) {
      json.text("pooling_mode").ifPresent(chosen::add);
    } else {
      for (final String flag : FLAGS) {
        if (json.flag(flag).orElse(false)) {
          chosen.add(flag);
        }
      }
    }
    if (chosen.size() == 1) {
      switch (chosen.get(0)) {
        case "mean", "pooling_mode_mean_tokens":
          return Optional.of(Pooling.MEAN);
        case "cls", "pooling_mode_cls_token":
          return Optional.of(Pooling.CLS);
        default:
          break;
      }
    }
    problems.add(path + "/config.json: pooling is " + chosen + "; supported are mean or cls alone");
    return Optional.empty();
  }

  private static OptionalInt maxLength(Path folder, int positions, Problems problems) {
    final Optional<JsonNode> limit =
        JsonObject.readIfPresent(folder.resolve("sentence_bert_config.json"), problems)
            .map(j -> j.at("max_seq_length"))
            .filter(JsonNode::isNumber)
            .or(
                () ->
                    JsonObject.readIfPresent(folder.resolve("tokenizer_config.json"), problems)
                        .map(j -> j.at("model_max_length"))
                        .filter(JsonNode::isNumber));
    // libraries write 1e30 for "no limit"
    return limit
        .map(n -> OptionalInt.of((int) Math.max(1, Math.min(positions, n.doubleValue()))))
        .orElseGet(OptionalInt::empty);
  }
}
