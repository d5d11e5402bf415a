package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Files of the usual exporters, against the models that were exported (see their case.json). */
class OnnxExportsTest {
  private static final String CASES = "encoders/onnx-exports";
  private static final double TOLERANCE = 2e-5;

  @TempDir Path temp;

  private Path folder(String name) throws IOException {
    final Path folder = Cases.copy(Cases.folder(CASES + "/" + name), temp.resolve(name));
    Files.copy(Cases.folder(CASES + "/tokenizer.json"), folder.resolve("tokenizer.json"));
    return folder;
  }

  private static Checkpoint open(Path folder) {
    return Models.open(folder.resolve("model.onnx").toString(), Models.Options.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "torchscript-11",
        "dynamo-18",
        "dynamo-20",
        "dynamo-23",
        "dynamo-plain",
        "optimum-classes",
        "optimum-tokens",
        "optimum-mlm",
        "optimum-sentences"
      })
  void readsTheEncoderThatWasExported(String name) throws IOException {
    final Path folder = folder(name);
    final Checkpoint model = open(folder);
    checkArchitecture(Cases.json(folder.resolve("config.json")), model.architecture());
    try (SafetensorsFile tensors =
        SafetensorsFile.open(Cases.folder(CASES + "/tensors.safetensors"))) {
      final HuggingFaceFolderTest.Inputs inputs = HuggingFaceFolderTest.Inputs.of(tensors);
      final INDArray expected = tensors.floats(name + ".hidden");
      final ReferenceBert bert = new ReferenceBert(model);
      for (int b = 0; b < inputs.ids().length; b++) {
        if (name.equals("optimum-sentences")) { // it has no input for token types
          java.util.Arrays.fill(inputs.types()[b], 0);
        }
        final double[][] hidden = inputs.hidden(bert, b);
        assertEquals(b == 0 ? 7 : 5, hidden.length);
        for (int t = 0; t < hidden.length; t++) {
          final double[] want = expected.slice(b).getRow(t).toDoubleVector();
          assertArrayEquals(want, hidden[t], TOLERANCE, "row " + b + " token " + t);
        }
        if (model.head().filter(h -> h.kind() == Head.Kind.SINGLE_LABEL).isPresent()) {
          assertArrayEquals(
              tensors.floats(name + ".logits").getRow(b).toDoubleVector(),
              bert.classifier(bert.pooler(hidden)),
              TOLERANCE,
              "row " + b);
        }
      }
    }
  }

  private static void checkArchitecture(JsonNode config, Architecture a) {
    assertEquals(config.path("num_hidden_layers").intValue(), a.layers().size());
    assertEquals(config.path("num_attention_heads").intValue(), a.layers().get(0).heads());
    assertEquals(config.path("intermediate_size").intValue(), a.layers().get(0).ffnWidth());
    assertEquals(config.path("layer_norm_eps").doubleValue(), a.layerNormEps());
    assertEquals(config.path("max_position_embeddings").intValue(), a.positions());
    final Architecture.Activation activation =
        switch (config.path("hidden_act").textValue()) {
          case "gelu" -> Architecture.Activation.GELU_ERF;
          case "gelu_new" -> Architecture.Activation.GELU_TANH;
          default -> Architecture.Activation.RELU;
        };
    assertEquals(activation, a.activation());
  }

  @ParameterizedTest
  @ValueSource(strings = {"dynamo-20", "optimum-classes"})
  void aClassifierTakesItsLabelsFromTheConfiguration(String name) throws IOException {
    final Path folder = folder(name);
    final Checkpoint model = open(folder);
    assertEquals(
        Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("LABEL_0", "LABEL_1", "LABEL_2"))),
        model.head());
    assertEquals(Pooling.POOLER, model.pooling());
    assertEquals(Signature.STANDARD, model.signature());
    Files.delete(folder.resolve("config.json"));
    Cases.refused(() -> open(folder), "'classifier.weight' [3, 12]", "id2label", "config.json");
  }

  @Test
  void aHeadOfTokensIsReadIfItsOutputsHaveNames() throws IOException {
    final Checkpoint model = open(folder("optimum-tokens"));
    assertEquals(
        Optional.of(new Head(Head.Kind.TOKEN_LABEL, List.of("LABEL_0", "LABEL_1", "LABEL_2"))),
        model.head());
    assertEquals(Pooling.MEAN, model.pooling());
    assertTrue(model.parameters().containsKey("classifier.bias"));
  }

  @Test
  void headsOverTokensAreLeftOutAndNamed() throws IOException {
    for (final String name : new String[] {"optimum-tokens", "optimum-mlm"}) {
      final Path folder = folder(name);
      if (name.equals("optimum-tokens")) { // nothing says what its outputs mean
        Files.delete(folder.resolve("config.json"));
      }
      final List<String> said = new ArrayList<>();
      final Checkpoint model =
          Models.open(
              folder.resolve("model.onnx").toString(),
              new Models.Options(new HuggingFaceFolderTest.Recorder(said), true));
      assertEquals(Optional.empty(), model.head());
      assertFalse(model.parameters().containsKey("classifier.weight"));
      assertEquals(1, said.size(), said.toString());
      final String bias = name.equals("optimum-mlm") ? "cls.predictions" : "classifier.bias";
      assertTrue(said.get(0).contains("left out") && said.get(0).contains(bias), said.get(0));
    }
  }

  @Test
  void sentenceEncodersWithoutTokenTypesSaySo() throws IOException {
    final Path folder = folder("optimum-sentences");
    assertEquals(
        new Signature("input_ids", "attention_mask", Optional.empty(), "token_embeddings"),
        open(folder).signature());
  }

  /** The Hub's layout: the ONNX file in a folder of its own below the model's. */
  @Test
  void findsTheTokenizerAboveAFolderCalledOnnx() throws IOException {
    final Path folder = folder("torchscript-11");
    Files.createDirectory(folder.resolve("onnx"));
    Files.move(folder.resolve("model.onnx"), folder.resolve("onnx").resolve("model.onnx"));
    assertEquals("model", open(folder.resolve("onnx")).name());
    Files.move(folder.resolve("onnx"), folder.resolve("other"));
    Cases.refused(() -> open(folder.resolve("other")), "tokenizer.json", "beside");
  }
}
