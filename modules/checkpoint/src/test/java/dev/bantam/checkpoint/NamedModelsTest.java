package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.Hashes;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The default model as published, against tokenizers 0.23.3 and ONNX Runtime 1.32 in Python. */
class NamedModelsTest {
  private static final Path CASE = Cases.folder("tokenizers/real-all-minilm-l6-v2");
  private static Checkpoint model;

  @BeforeAll
  static void open() {
    model = Models.open("all-minilm-l6-v2", Models.Options.DEFAULT);
  }

  @Test
  void everyTensorHasAPlace() {
    assertEquals(101, model.parameters().size());
    assertEquals(
        22_565_376, model.parameters().values().stream().mapToLong(INDArray::length).sum());
    assertEquals(
        List.copyOf(EncoderParameters.shapes(model.architecture(), model.head()).keySet()),
        List.copyOf(model.parameters().keySet()));
    for (final INDArray array : model.parameters().values()) {
      assertEquals('c', array.ordering());
      assertFalse(array.isView());
    }
  }

  @Test
  void architectureAndConventions() {
    final Architecture a = model.architecture();
    assertEquals(30522, a.vocabularySize());
    assertEquals(512, a.positions());
    assertEquals(2, a.tokenTypes());
    assertEquals(384, a.hiddenSize());
    assertEquals(32, a.headSize());
    assertEquals(
        java.util.Collections.nCopies(6, new Architecture.LayerShape(12, 1536)), a.layers());
    assertEquals(Architecture.Activation.GELU_ERF, a.activation());
    assertEquals(1e-12, a.layerNormEps());
    assertFalse(a.pooler());
    assertEquals(Pooling.MEAN, model.pooling());
    assertTrue(model.normalize());
    assertEquals(256, model.maxLength());
    final JsonNode parameters = Cases.json(CASE.resolve("case.json")).path("parameters");
    assertEquals(parameters.path("maven").asText(), model.provenance().source());
    assertEquals(parameters.path("model_sha256").asText(), model.provenance().sha256());
    assertEquals(
        parameters.path("tokenizer_sha256").asText(),
        Hashes.of(model.tokenizer().orElseThrow().file()));
  }

  @Test
  void hiddenStatesAndVectorsOfOnnxRuntime() {
    final JsonNode which =
        Cases.json(CASE.resolve("case.json")).path("inputs").path("last_hidden_state_of");
    final List<JsonNode> sentences = Cases.lines(CASE.resolve("sentences.jsonl"));
    final ReferenceBert bert = new ReferenceBert(model);
    try (SafetensorsFile tensors = SafetensorsFile.open(CASE.resolve("tensors.safetensors"))) {
      final INDArray hidden = tensors.floats("last_hidden_state");
      final INDArray vectors = tensors.floats("embeddings");
      int row = 0;
      for (final JsonNode line : which) {
        final String text = sentences.get(line.intValue()).path("text").textValue();
        final Encoding e = model.tokenizer().orElseThrow().encode(text, model.maxLength());
        final double[][] states =
            bert.forward(e.ids(), e.typeIds(), IntStream.range(0, e.length()).toArray());
        for (final double[] state : states) {
          assertArrayEquals(hidden.getRow(row).toDoubleVector(), state, 5e-5, "row " + row);
          row++;
        }
        assertArrayEquals(
            vectors.getRow(line.intValue()).toDoubleVector(),
            HuggingFaceFolderTest.unit(HuggingFaceFolderTest.mean(states)),
            2e-6,
            text);
      }
      assertEquals(hidden.rows(), row);
    }
  }

  @Test
  void tokenizesAsPublished() {
    final HuggingFaceTokenizer tokenizer = (HuggingFaceTokenizer) model.tokenizer().orElseThrow();
    final List<JsonNode> ids = Cases.lines(CASE.resolve("ids.jsonl"));
    assertEquals(200, ids.size());
    ids.forEach(row -> HuggingFaceTokenizerTest.checkSingle(tokenizer, row));
    final List<JsonNode> pairs = Cases.lines(CASE.resolve("pairs.jsonl"));
    assertEquals(12, pairs.size());
    pairs.forEach(row -> HuggingFaceTokenizerTest.checkPair(tokenizer, row, 100_000));
    HuggingFaceTokenizerTest.checkTruncation(tokenizer, CASE.resolve("truncation.jsonl"));
    for (final JsonNode row : Cases.lines(CASE.resolve("sentences.jsonl"))) {
      assertArrayEquals(
          Cases.ints(row.path("ids")), tokenizer.encode(row.path("text").textValue(), 256).ids());
    }
  }

  @Test
  void unknownNamesGiveTheListAndANearOne() {
    Cases.refused(
        () -> Models.open("all-minilm-l6", Models.Options.DEFAULT),
        "'all-minilm-l6'",
        "Did you mean 'all-minilm-l6-v2'?",
        "e5-small-v2, bge-small-en-v1.5, bge-small-en");
    final String far =
        Cases.refused(() -> Models.open("gpt", Models.Options.DEFAULT), "e5-small-v2");
    assertFalse(far.contains("Did you mean"), far);
    Cases.refused(() -> Models.open("x\0y", Models.Options.DEFAULT), "no model");
    Cases.refused(() -> Models.open("no/such.onnx", Models.Options.DEFAULT), "no/such.onnx");
    Cases.refused(
        () -> Models.open(CASE.resolve("case.json").toString(), Models.Options.DEFAULT),
        "case.json",
        "neither");
  }

  @Test
  void everyNamedModelIsComplete() {
    assertEquals(
        List.of(
            "all-minilm-l6-v2",
            "e5-small-v2",
            "bge-small-en-v1.5",
            "bge-small-en",
            "bert-base-uncased"),
        NamedModels.all().stream().map(NamedModel::name).toList());
    for (final NamedModel named : NamedModels.all()) {
      assertEquals(named, NamedModels.find(named.name()).orElseThrow());
      assertEquals(!named.name().startsWith("bert"), named.normalize());
      assertTrue(named.attribution().contains(named.licence()), named.toString());
      assertEquals(named.name().startsWith("bge") ? Pooling.CLS : Pooling.MEAN, named.pooling());
      assertEquals(named.name().startsWith("all") ? 256 : 512, named.maxLength());
    }
  }

  @Test
  void randomModelsAreSmallSeededAndOfTheSameKind() {
    final Checkpoint small = Models.random(model, 2, 7);
    assertEquals(model.architecture().layers().subList(0, 2), small.architecture().layers());
    assertEquals(5 + 2 * 16, small.parameters().size());
    assertEquals(model.tokenizer(), small.tokenizer());
    assertEquals(small.provenance().sha256(), Models.random(model, 2, 7).provenance().sha256());
    assertNotEquals(small.provenance().sha256(), Models.random(model, 2, 8).provenance().sha256());
    // a tensor does not depend on how many layers follow
    final String query = "encoder.layer.0.attention.self.query.weight";
    assertEquals(small.parameters().get(query), Models.random(model, 1, 7).parameters().get(query));
    final INDArray words = small.parameters().get("embeddings.word_embeddings.weight");
    final double[] moments = moments(words);
    // 11.7 million draws: six standard errors of mean and deviation
    assertEquals(0, moments[0], 6 * 0.02 / Math.sqrt((double) words.length()));
    assertEquals(0.02, moments[1], 6 * 0.02 / Math.sqrt(2.0 * words.length()));
    assertEquals(0.6827, moments[2], 6 * 0.466 / Math.sqrt((double) words.length()));
    small
        .parameters()
        .forEach(
            (name, array) -> {
              if (name.endsWith("LayerNorm.weight")) {
                assertEquals(array.length(), array.sumNumber().longValue(), name);
              } else if (name.endsWith(".bias")) {
                assertEquals(0, array.amaxNumber().doubleValue(), name);
              }
            });
  }

  /** Mean, standard deviation, and the share within one deviation of 0.02. */
  private static double[] moments(INDArray array) {
    final double[] sums = new double[3];
    FloatTensors.read(
        array,
        (from, tile, count) -> {
          for (int i = 0; i < count; i++) {
            sums[0] += tile[i];
            sums[1] += (double) tile[i] * tile[i];
            sums[2] += Math.abs(tile[i]) < 0.02 ? 1 : 0;
          }
        });
    final double n = array.length();
    return new double[] {
      sums[0] / n, Math.sqrt(sums[1] / n - sums[0] / n * sums[0] / n), sums[2] / n
    };
  }
}
