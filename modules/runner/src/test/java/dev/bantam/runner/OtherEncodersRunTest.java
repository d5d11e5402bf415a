package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.Embeddings;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Architecture.NormPlacement;
import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Architecture.PositionScheme;
import dev.bantam.checkpoint.Architecture.RelativeBias;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.Signature;
import dev.bantam.export.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A whole run on random encoders of other families: trained, compressed, exported, read back. */
class OtherEncodersRunTest {
  private static final String MODEL = "other";

  @TempDir private Path temporary;

  /** A base model of a family with the vocabulary of the tiny one. */
  private static Path write(Tiny tiny, String type) throws IOException {
    final Checkpoint like = Models.open(tiny.model().toString(), Models.Options.DEFAULT);
    final boolean albert = type.equals("albert");
    final boolean mpnet = type.equals("mpnet");
    final Architecture architecture =
        new Architecture(
            type,
            like.architecture().vocabularySize(),
            31,
            albert ? 2 : 0,
            12,
            4,
            Collections.nCopies(2, new LayerShape(3, 16)),
            Activation.GELU_ERF,
            NormPlacement.POST,
            mpnet ? PositionScheme.LEARNED_AFTER_PADDING : PositionScheme.LEARNED,
            1e-12,
            mpnet ? 1 : 0,
            false,
            albert || mpnet ? PoolerActivation.TANH : PoolerActivation.RELU,
            new Embeddings(albert ? 8 : 12, albert),
            albert ? List.of(0, 0) : List.of(0, 1),
            mpnet ? Optional.of(new RelativeBias(32, 128)) : Optional.empty());
    final Checkpoint random =
        Models.random(
            new Checkpoint(
                MODEL,
                architecture,
                Optional.empty(),
                like.pooling(),
                like.normalize(),
                29,
                Map.of(),
                like.tokenizer(),
                Signature.of(architecture),
                like.provenance()),
            2,
            1);
    final Path folder = Files.createDirectories(tiny.folder().resolve(MODEL));
    ModelFolder.write(folder, random, ModelFolder.dense(random.parameters()), "Random.\n");
    return folder;
  }

  @ParameterizedTest
  @CsvSource({
    "distilbert, transformer.layer.1.ffn.lin1.weight",
    "albert, encoder.albert_layer_groups.0.albert_layers.0.ffn.weight",
    "mpnet, encoder.layer.1.attention.attn.q.weight"
  })
  void fromTrainingToTheExports(String type, String stored) throws IOException {
    final Tiny tiny = Tiny.in(temporary);
    final Path model = write(tiny, type);
    final Checkpoint source = HuggingFaceFolder.read(model, Progress.NONE);
    final Path experiment =
        tiny.write(
            "other.yaml",
            tiny.text()
                .replace("model: tiny-bert", "model: " + MODEL)
                .replace("seeds: [1, 2]", "seeds: [1]")
                .replace("epochs: 8", "epochs: 2")
                .replace("export: [safetensors]", "export: [safetensors, onnx]"));
    final Path run = temporary.resolve("run");
    Outcome.of("plan", experiment)
        .code(0)
        .prints("encoder.layer.*.attention.self.query.weight -> 4 bit");
    Outcome.of("run", experiment, "-o", run).code(0);
    assertTrue(Tiny.result(run, "rtn-int4", 1, "accuracy").isPresent());
    final Path exports = run.resolve("exports");
    final Path dense = exports.resolve(MODEL + ".signs.dense/safetensors");
    final Checkpoint read = HuggingFaceFolder.read(dense, Progress.NONE);
    assertEquals(source.architecture(), read.architecture());
    try (SafetensorsFile file = SafetensorsFile.open(dense.resolve("model.safetensors"))) {
      assertTrue(file.entries().containsKey(stored), file.entries().keySet().toString());
    }
    final Path int4 = exports.resolve(MODEL + ".signs.rtn-int4/safetensors");
    Outcome.of("evaluate", int4, "--task", tiny.task())
        .code(0)
        .prints(
            "accuracy "
                + Tiny.result(run, "rtn-int4", 1, "accuracy").orElseThrow().substring(0, 4));
    Outcome.of("inspect", int4).code(0).prints(type + ", 2 layers", "encoder.layer.0", "grouped");
    Outcome.of("inspect", dense).code(0).prints("encoder.layer.0.output.dense.weight");
    assertTrue(
        Files.isRegularFile(exports.resolve(MODEL + ".signs.magnitude-0.5/onnx/model.onnx")));
  }

  @Test
  void unknownFamiliesExitWithTheKeyThatDecided() throws IOException {
    final Tiny tiny = Tiny.in(temporary);
    final Path config = tiny.model().resolve("config.json");
    Files.writeString(
        config,
        Tiny.read(config).replace("\"model_type\": \"bert\"", "\"model_type\": \"modernbert\""));
    Outcome.of("inspect", tiny.model())
        .code(4)
        .says("config.json", "'model_type' is \"modernbert\"", "\"distilbert\"", "\"roberta\"");
  }
}
