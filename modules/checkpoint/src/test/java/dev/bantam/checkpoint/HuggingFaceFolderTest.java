package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Against transformers 5.23 and sentence-transformers 6.2, which wrote the folders and outputs. */
class HuggingFaceFolderTest {
  private static final String VARIANTS = "encoders/bert-storage-variants";

  @TempDir Path temp;

  private static Checkpoint read(Path folder) {
    return HuggingFaceFolder.read(folder, Progress.NONE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "plain",
        "sharded",
        "f16",
        "bf16",
        "f64",
        "mixed",
        "gamma-beta",
        "no-metadata",
        "extra-keys",
        "head-no-prefix"
      })
  void everyStorageGivesItsLogits(String variant) {
    final Path folder = Cases.folder(VARIANTS);
    final Checkpoint model = read(folder.resolve(variant));
    final Head head = model.head().orElseThrow();
    assertEquals(Head.Kind.SINGLE_LABEL, head.kind());
    assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), head.labels());
    assertEquals(Pooling.POOLER, model.pooling());
    try (SafetensorsFile tensors = SafetensorsFile.open(folder.resolve("tensors.safetensors"))) {
      final double tolerance = tolerance(folder, variant + ".logits");
      final INDArray expected = tensors.floats(variant + ".logits");
      final Inputs inputs = Inputs.of(tensors);
      for (int b = 0; b < inputs.ids.length; b++) {
        final ReferenceBert bert = new ReferenceBert(model);
        final double[] logits = bert.classifier(bert.pooler(inputs.hidden(bert, b)));
        assertArrayEquals(expected.getRow(b).toDoubleVector(), logits, tolerance, "row " + b);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base-no-prefix", "base-with-prefix"})
  void baseModelsGiveTheirPooledOutput(String variant) {
    final Path folder = Cases.folder(VARIANTS);
    final Checkpoint model = read(folder.resolve(variant));
    assertEquals(Optional.empty(), model.head());
    assertEquals(Pooling.MEAN, model.pooling());
    assertTrue(model.architecture().pooler());
    try (SafetensorsFile tensors = SafetensorsFile.open(folder.resolve("tensors.safetensors"))) {
      final INDArray expected = tensors.floats(variant + ".pooler_output");
      final Inputs inputs = Inputs.of(tensors);
      for (int b = 0; b < inputs.ids.length; b++) {
        final ReferenceBert bert = new ReferenceBert(model);
        assertArrayEquals(
            expected.getRow(b).toDoubleVector(),
            bert.pooler(inputs.hidden(bert, b)),
            tolerance(folder, variant + ".pooler_output"));
      }
    }
  }

  /** Twelve storages; those that were not rounded hold the very same numbers. */
  @Test
  void unroundedStoragesAreEqual() {
    final Checkpoint plain = read(Cases.folder(VARIANTS + "/plain"));
    assertEquals(41, plain.parameters().size());
    for (final String variant :
        List.of(
            "sharded",
            "f64",
            "gamma-beta",
            "no-metadata",
            "extra-keys",
            "head-no-prefix",
            "base-no-prefix",
            "base-with-prefix")) {
      final Checkpoint other = read(Cases.folder(VARIANTS + "/" + variant));
      assertEquals(variant.startsWith("base") ? 39 : 41, other.parameters().size(), variant);
      other
          .parameters()
          .forEach(
              (name, array) -> assertEquals(plain.parameters().get(name), array, variant + name));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bert-gelu-new, GELU_TANH, 1e-12",
    "bert-relu, RELU, 1e-12",
    "bert-no-pooler, GELU_ERF, 1e-3"
  })
  void obeysActivationAndEpsilon(String name, Architecture.Activation activation, double eps) {
    final Path folder = Cases.folder("encoders/" + name);
    final Checkpoint model = read(folder.resolve("model"));
    assertEquals(activation, model.architecture().activation());
    assertEquals(eps, model.architecture().layerNormEps());
    assertEquals(!name.equals("bert-no-pooler"), model.architecture().pooler());
    try (SafetensorsFile tensors = SafetensorsFile.open(folder.resolve("tensors.safetensors"))) {
      final INDArray means = tensors.floats("sentence_embedding.mean");
      final Inputs inputs = Inputs.of(tensors);
      for (int b = 0; b < inputs.ids.length; b++) {
        assertArrayEquals(
            means.getRow(b).toDoubleVector(),
            unit(mean(inputs.hidden(new ReferenceBert(model), b))),
            tolerance(folder, "sentence_embedding.mean"),
            "row " + b);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"sentence-encoder-mean, MEAN", "sentence-encoder-cls, CLS"})
  void sentenceTransformersFolders(String name, Pooling pooling) {
    final Path folder = Cases.folder("encoders/" + name);
    final Checkpoint model = read(folder.resolve("model"));
    assertEquals(pooling, model.pooling());
    assertTrue(model.normalize());
    assertEquals(12, model.maxLength());
    final JsonNode texts = Cases.json(folder.resolve("case.json")).path("inputs").path("texts");
    assertTrue(texts.size() > 5);
    try (SafetensorsFile tensors = SafetensorsFile.open(folder.resolve("tensors.safetensors"))) {
      final INDArray expected = tensors.floats("embeddings");
      for (int i = 0; i < texts.size(); i++) {
        final Encoding e = model.tokenizer().orElseThrow().encode(texts.get(i).asText(), 12);
        final double[][] hidden = new ReferenceBert(model).forward(e.ids(), e.typeIds(), count(e));
        assertArrayEquals(
            expected.getRow(i).toDoubleVector(),
            unit(pooling == Pooling.MEAN ? mean(hidden) : hidden[0]),
            5e-6,
            texts.get(i).asText());
      }
    }
  }

  @Test
  void headsByProblemType() {
    final Path heads = Cases.folder("encoders/bert-heads");
    assertEquals(
        new Head(Head.Kind.REGRESSION, List.of("LABEL_0")),
        read(heads.resolve("regression")).head().orElseThrow());
    assertEquals(
        Head.Kind.MULTI_LABEL, read(heads.resolve("multilabel")).head().orElseThrow().kind());
    final List<String> messages = new ArrayList<>();
    for (final String other : List.of("qa", "mlm")) {
      final Checkpoint model = HuggingFaceFolder.read(heads.resolve(other), new Recorder(messages));
      assertEquals(Optional.empty(), model.head(), other);
      assertFalse(model.parameters().containsKey("classifier.weight"));
      assertEquals(5 + 2 * 16, model.parameters().size());
    }
    assertEquals(2, messages.size(), messages.toString());
    assertTrue(messages.get(0).contains("qa_outputs.weight"), messages.get(0));
    assertTrue(messages.get(1).contains("cls.predictions.bias"), messages.get(1));
  }

  /** Logits of every visible token, by the definition, against those of transformers. */
  @Test
  void aHeadOfTokensGivesItsLogits() {
    final Path folder = Cases.folder("encoders/bert-heads");
    final Checkpoint model = read(folder.resolve("tokcls"));
    final Head head = model.head().orElseThrow();
    assertEquals(Head.Kind.TOKEN_LABEL, head.kind());
    assertEquals(Pooling.MEAN, model.pooling());
    try (SafetensorsFile tensors = SafetensorsFile.open(folder.resolve("tensors.safetensors"))) {
      final INDArray expected = tensors.floats("tokcls.logits");
      final Inputs inputs = Inputs.of(tensors);
      final ReferenceBert bert = new ReferenceBert(model);
      int row = 0;
      for (int b = 0; b < inputs.ids.length; b++) {
        for (double[] token : inputs.hidden(bert, b)) {
          assertArrayEquals(
              expected.getRow(row).toDoubleVector(),
              bert.classifier(token),
              tolerance(folder, "tokcls.logits"),
              "token " + row);
          row++;
        }
      }
      assertEquals(expected.rows(), row);
    }
  }

  /** Remembers the messages. */
  record Recorder(List<String> messages) implements Progress {
    @Override
    public void message(String text) {
      messages.add(text);
    }

    @Override
    public Bar start(String task, long total, String unit) {
      return NONE.start(task, total, unit);
    }
  }

  @Test
  void ownKeysSetPoolingNormalisationAndLength() throws IOException {
    final Path folder =
        edited(
            c -> {
              c.put("bantam_pooling", "mean");
              c.put("bantam_normalize", true);
              c.put("bantam_max_length", 9);
              c.putObject("id2label").put("0", "no").put("1", "maybe").put("2", "yes");
            });
    final Checkpoint model = read(folder);
    assertEquals(Pooling.MEAN, model.pooling());
    assertTrue(model.normalize());
    assertEquals(9, model.maxLength());
    assertEquals(List.of("no", "maybe", "yes"), model.head().orElseThrow().labels());
    assertEquals("plain", read(Cases.folder(VARIANTS + "/plain")).name());
  }

  @Test
  void everyWrongValueIsNamedInOneMessage() throws IOException {
    final Path folder =
        edited(
            c -> {
              c.put("hidden_act", "silu");
              c.put("layer_norm_eps", 0);
              c.put("num_attention_heads", 4);
              c.put("vocab_size", "many");
              c.remove("intermediate_size");
              c.put("position_embedding_type", "relative_key");
              c.put("bantam_pooling", "max");
            });
    final String message =
        Cases.refused(
            () -> read(folder),
            "config.json",
            "'hidden_act' is \"silu\"",
            "gelu_new",
            "'layer_norm_eps' is 0",
            "'num_attention_heads' is 4",
            "15",
            "'vocab_size' is \"many\"",
            "'intermediate_size' is missing",
            "'bantam_pooling' is \"max\"");
    assertTrue(message.contains("relative_key"), message);
    assertTrue(message.contains("absolute"), message);
  }

  /** The other keys of an unknown family mean nothing, so only its type is named. */
  @Test
  void unknownFamiliesAreRefusedByTheKeyThatSaysSo() throws IOException {
    for (final String type : List.of("modernbert", "gpt2", "Bert")) {
      final Path folder =
          edited(
              c -> {
                c.put("model_type", type);
                c.remove("hidden_act");
              });
      final String message =
          Cases.refused(
              () -> read(folder),
              "config.json",
              "'model_type' is \"" + type + "\"",
              "\"albert\", \"bert\", \"distilbert\", \"electra\", \"mpnet\", \"roberta\"");
      assertFalse(message.contains("hidden_act"), message);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model_type",
        "hidden_size",
        "num_attention_heads",
        "num_hidden_layers",
        "vocab_size",
        "max_position_embeddings",
        "type_vocab_size",
        "hidden_act",
        "layer_norm_eps",
        "intermediate_size"
      })
  void everyMissingKeyIsNamed(String key) throws IOException {
    final Path folder = edited(c -> c.remove(key));
    Cases.refused(() -> read(folder), "config.json", "'" + key + "' is missing");
  }

  @Test
  void labelsAndProblemTypeAreChecked() throws IOException {
    final Path gap = edited(c -> c.putObject("id2label").put("0", "a").put("2", "b").put("3", "c"));
    Cases.refused(() -> read(gap), "id2label");
    final Path two = edited(c -> c.putObject("id2label").put("0", "a").put("1", "b"));
    Cases.refused(() -> read(two), "classifier.weight", "[3, 15]", "[2, 15]");
    final Path regression = edited(c -> c.put("problem_type", "regression"));
    Cases.refused(() -> read(regression), "problem_type", "3 labels");
    final Path unknown = edited(c -> c.put("problem_type", "ranking"));
    Cases.refused(() -> read(unknown), "\"ranking\"");
  }

  @Test
  void missingSurplusAndMisshapedTensorsAreListedTogether() throws IOException {
    final Path folder =
        edited(
            c -> {
              c.put("num_hidden_layers", 3);
              c.put("vocab_size", 48);
            });
    rewrite(folder, Map.of("bert.pooler.dense.extra", new float[4]), "classifier.bias");
    Cases.refused(
        () -> read(folder),
        "missing: 'encoder.layer.2.output.dense.weight' [15, 21]",
        "missing: 'classifier.bias'",
        "surplus: 'bert.pooler.dense.extra' [4]",
        "'bert.embeddings.word_embeddings.weight' is [47, 15]",
        "[48, 15]");
  }

  @Test
  void damagedWeightsAreRefused() throws IOException {
    final Path folder = Cases.copy(Cases.folder(VARIANTS + "/plain"), temp.resolve("nan"));
    rewrite(
        folder,
        Map.of("classifier.bias", new float[] {1, Float.NaN, Float.NEGATIVE_INFINITY}),
        "classifier.bias");
    Cases.refused(() -> read(folder), "'classifier.bias' holds 2 values", "NaN");
  }

  @Test
  void twoNamesForOneTensorAreRefused() throws IOException {
    final Path folder = Cases.copy(Cases.folder(VARIANTS + "/plain"), temp.resolve("twice"));
    rewrite(folder, Map.of("embeddings.LayerNorm.beta", new float[15]), "");
    Cases.refused(
        () -> read(folder), "bert.embeddings.LayerNorm.bias", "embeddings.LayerNorm.beta");
  }

  @Test
  void picklesAreRefusedWithTheWayOut() throws IOException {
    final Path folder = Cases.copy(Cases.folder(VARIANTS + "/plain"), temp.resolve("bin"));
    Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));
    Path pickle = folder.resolve("pytorch_model.bin");
    for (final String name : new String[] {"pytorch_model.bin", "best.pt", "model.pkl"}) {
      pickle = Files.move(pickle, folder.resolve(name));
      Cases.refused(() -> read(folder), name, "save_pretrained", "safetensors/convert");
      final String file = pickle.toString();
      Cases.refused(() -> Models.open(file, Models.Options.DEFAULT), name, "save_pretrained");
    }
    Files.delete(pickle);
    Cases.refused(() -> read(folder), "model.safetensors");
    Cases.refused(() -> read(temp.resolve("none")), "none");
    Files.delete(folder.resolve("config.json"));
    Cases.refused(() -> read(folder), "config.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../secret.safetensors", "/etc/passwd", "a/b", "..", "", "c:\\x", "a\0b"})
  void indexNamesStayInTheFolder(String name) throws IOException {
    final Path folder = Cases.copy(Cases.folder(VARIANTS + "/sharded"), temp.resolve("m"));
    final Path index = folder.resolve("model.safetensors.index.json");
    final ObjectNode json = (ObjectNode) Cases.json(index);
    ((ObjectNode) json.path("weight_map")).put("bert.pooler.dense.bias", name);
    Files.write(index, new ObjectMapper().writeValueAsBytes(json));
    Cases.refused(() -> read(folder), "leaves the folder", index.toString());
  }

  @Test
  void missingShardsAndMissingTensorsAreNamed() throws IOException {
    final Path folder = Cases.copy(Cases.folder(VARIANTS + "/sharded"), temp.resolve("m"));
    final Path index = folder.resolve("model.safetensors.index.json");
    final ObjectNode json = (ObjectNode) Cases.json(index);
    final ObjectNode map = (ObjectNode) json.path("weight_map");
    map.put("bert.pooler.dense.bias", "model-00001-of-00004.safetensors");
    Files.write(index, new ObjectMapper().writeValueAsBytes(json));
    Cases.refused(
        () -> read(folder), "'bert.pooler.dense.bias' is not in model-00001-of-00004.safetensors");
    Files.delete(folder.resolve("model-00003-of-00004.safetensors"));
    Cases.refused(() -> read(folder), "'model-00003-of-00004.safetensors' is missing");
  }

  /** A copy of the plain variant with a changed configuration. */
  private Path edited(Consumer<ObjectNode> change) throws IOException {
    final Path folder =
        Cases.copy(
            Cases.folder(VARIANTS + "/plain"), Files.createTempDirectory(temp, "m").resolve("m"));
    final Path config = folder.resolve("config.json");
    final ObjectNode json = (ObjectNode) Cases.json(config);
    change.accept(json);
    Files.write(config, new ObjectMapper().writeValueAsBytes(json));
    return folder;
  }

  /** Writes model.safetensors anew, with some tensors added and one left out. */
  private static void rewrite(Path folder, Map<String, float[]> added, String removed) {
    final Path path = folder.resolve("model.safetensors");
    final SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      file.entries()
          .forEach(
              (name, entry) -> {
                if (!name.equals(removed)) {
                  writer.add(name, entry.type(), entry.shape(), file.bytes(name));
                }
              });
    }
    added.forEach(
        (name, values) ->
            writer.add(
                name,
                SafetensorsType.F32,
                FloatTensors.create(
                    new long[] {values.length},
                    (from, tile, count) -> System.arraycopy(values, (int) from, tile, 0, count))));
    writer.write(path);
  }

  private static double tolerance(Path folder, String name) {
    return Cases.json(folder.resolve("case.json"))
        .path("tolerance")
        .path(name)
        .path("abs")
        .doubleValue();
  }

  private static int[] count(Encoding e) {
    return java.util.stream.IntStream.range(0, e.length()).toArray();
  }

  static double[] mean(double[][] rows) {
    final double[] mean = new double[rows[0].length];
    for (final double[] row : rows) {
      for (int c = 0; c < mean.length; c++) {
        mean[c] += row[c] / rows.length;
      }
    }
    return mean;
  }

  static double[] unit(double[] vector) {
    double square = 0;
    for (final double v : vector) {
      square += v * v;
    }
    final double[] unit = vector.clone();
    for (int i = 0; i < unit.length; i++) {
      unit[i] /= Math.sqrt(square);
    }
    return unit;
  }

  /** The visible tokens of a case's batch. */
  @SuppressWarnings("ArrayRecordComponent") // test data
  record Inputs(int[][] ids, int[][] types, int[][] positions) {
    static Inputs of(SafetensorsFile file) {
      final long[][] ids = longs(file, "input_ids");
      final long[][] mask = longs(file, "attention_mask");
      final long[][] types = longs(file, "token_type_ids");
      final int[][][] kept = new int[3][ids.length][];
      for (int b = 0; b < ids.length; b++) {
        final int row = b;
        final int[] visible =
            java.util.stream.IntStream.range(0, ids[b].length)
                .filter(t -> mask[row][t] == 1)
                .toArray();
        kept[0][b] = java.util.stream.IntStream.of(visible).map(t -> (int) ids[row][t]).toArray();
        kept[1][b] = java.util.stream.IntStream.of(visible).map(t -> (int) types[row][t]).toArray();
        kept[2][b] = visible;
      }
      return new Inputs(kept[0], kept[1], kept[2]);
    }

    private static long[][] longs(SafetensorsFile file, String name) {
      final SafetensorsEntry entry = file.entry(name);
      final long[] shape = entry.shape();
      final var bytes =
          java.nio.ByteBuffer.wrap(file.bytes(name)).order(java.nio.ByteOrder.LITTLE_ENDIAN);
      final long[][] rows = new long[(int) shape[0]][(int) shape[1]];
      for (final long[] row : rows) {
        for (int i = 0; i < row.length; i++) {
          row[i] = entry.type() == SafetensorsType.I64 ? bytes.getLong() : bytes.getInt();
        }
      }
      return rows;
    }

    double[][] hidden(ReferenceBert bert, int row) {
      return bert.forward(ids[row], types[row], positions[row]);
    }
  }
}
