package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Architecture.RelativeBias;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Folders of DistilBERT, RoBERTa, XLM-R, ELECTRA, ALBERT and MPNet, written by transformers 5.23.
 */
class EncoderFamiliesTest {
  @TempDir Path temp;

  private static Checkpoint read(Path folder) {
    return HuggingFaceFolder.read(folder, Progress.NONE);
  }

  private static Path heads(String family) {
    return Cases.folder("encoders/" + family + "-heads");
  }

  /** The library's own list of a saved model's tensors, with shapes. */
  private static Map<String, String> saved(String family, String model) {
    final JsonNode names =
        Cases.json(heads(family).resolve("case.json"))
            .path("parameters")
            .path("saved_names")
            .path(model);
    final Map<String, String> shapes = new TreeMap<>();
    names.properties().forEach(e -> shapes.put(e.getKey(), e.getValue().get(1).toString()));
    assertTrue(shapes.size() > 20, shapes.size() + " names");
    return shapes;
  }

  /** What is written back is what the library wrote, name by name. */
  @ParameterizedTest
  @ValueSource(strings = {"distilbert", "roberta", "xlm-roberta", "electra", "albert", "mpnet"})
  void storedNamesAreTheLibrarysOwn(String family) {
    final Checkpoint model = read(heads(family).resolve("seqcls"));
    assertEquals(Pooling.POOLER, model.pooling());
    final Map<String, String> written = new TreeMap<>();
    model
        .parameters()
        .forEach(
            (name, array) ->
                written.put(
                    HuggingFaceFiles.storedName(model, name),
                    java.util.Arrays.toString(array.shape()).replace(" ", "")));
    assertEquals(saved(family, "seqcls"), written);
    final WeightNames names = WeightNames.of(model.architecture());
    model
        .parameters()
        .keySet()
        .forEach(
            name -> {
              assertEquals(name, names.canonical(HuggingFaceFiles.storedName(model, name)));
              assertEquals(name, names.canonical(name), "canonical names are read as they are");
            });
    assertTrue(model.parameters().containsKey("encoder.layer.0.attention.self.query.weight"));
    assertTrue(model.parameters().containsKey("pooler.dense.weight"));
    assertTrue(model.parameters().containsKey("classifier.weight"));
  }

  @ParameterizedTest
  @CsvSource({
    "distilbert, 0, RELU, LEARNED",
    "roberta, 1, TANH, LEARNED_AFTER_PADDING",
    "xlm-roberta, 1, TANH, LEARNED_AFTER_PADDING",
    "electra, 2, GELU, LEARNED",
    "albert, 2, TANH, LEARNED",
    "mpnet, 0, TANH, LEARNED_AFTER_PADDING"
  })
  void architectures(
      String family,
      int types,
      Architecture.PoolerActivation pooler,
      Architecture.PositionScheme positions) {
    final Checkpoint model = read(heads(family).resolve("seqcls"));
    final Architecture a = model.architecture();
    assertEquals(family, a.modelType());
    assertEquals(types, a.tokenTypes());
    assertEquals(pooler, a.poolerActivation());
    assertEquals(positions, a.positionScheme());
    final boolean offset = positions == Architecture.PositionScheme.LEARNED_AFTER_PADDING;
    assertEquals(a.positions() - (offset ? 2 : 0), model.maxLength());
    assertEquals(types > 1, model.signature().tokenTypeIds().isPresent());
    final boolean narrow = family.equals("electra") || family.equals("albert");
    assertEquals(narrow, a.embeddings().projected());
    assertEquals(family.equals("albert") ? 1 : a.layers().size(), a.storedLayers());
    assertEquals(family.equals("mpnet"), a.relativeBias().isPresent());
  }

  /** {@code config.json} of every family read back to the same model. */
  @ParameterizedTest
  @ValueSource(strings = {"distilbert", "roberta", "xlm-roberta", "electra", "albert", "mpnet"})
  void writtenFoldersAreReadBack(String family) throws IOException {
    final Checkpoint model = read(heads(family).resolve("seqcls"));
    final Path folder = Files.createDirectory(temp.resolve("written"));
    HuggingFaceFiles.write(folder, model);
    final JsonNode original = Cases.json(heads(family).resolve("seqcls/config.json"));
    final JsonNode written = Cases.json(folder.resolve("config.json"));
    assertEquals(original.path("architectures"), written.path("architectures"));
    final Iterator<String> keys = written.fieldNames();
    while (keys.hasNext()) {
      final String key = keys.next();
      if (original.hasNonNull(key)) {
        assertEquals(original.get(key), written.get(key), key);
      }
    }
    final Map<String, INDArray> tensors = new TreeMap<>();
    model
        .parameters()
        .forEach((name, array) -> tensors.put(HuggingFaceFiles.storedName(model, name), array));
    write(folder, tensors);
    final Checkpoint again = read(folder);
    assertEquals(model.architecture(), again.architecture());
    assertEquals(model.head(), again.head());
    assertEquals(model.signature(), again.signature());
    assertEquals(
        List.copyOf(model.parameters().keySet()), List.copyOf(again.parameters().keySet()));
    model
        .parameters()
        .forEach((name, array) -> assertEquals(array, again.parameters().get(name), name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"distilbert", "roberta", "xlm-roberta", "electra", "albert", "mpnet"})
  void headsOfPreTrainingAreLeftOutWithAMessage(String family) {
    final List<String> messages = new ArrayList<>();
    final Checkpoint model =
        HuggingFaceFolder.read(
            heads(family).resolve("mlm"), new HuggingFaceFolderTest.Recorder(messages));
    assertEquals(Optional.empty(), model.head());
    assertFalse(model.architecture().pooler());
    assertEquals(1, messages.size(), messages.toString());
    assertTrue(messages.get(0).contains("pre-trained"), messages.get(0));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 3, '0,0,0'",
    "2, 1, 4, '0,0,1,1'",
    "2, 1, 5, '0,0,0,1,1'",
    "1, 2, 2, '0,1,0,1'",
    "2, 2, 2, '0,1,2,3'",
    "3, 1, 3, '0,1,2'"
  })
  void sharedLayersAsTheLibraryGroupsThem(int groups, int inner, int runs, String expected) {
    final List<Integer> weights = new SharedLayers(runs, groups, inner).weights();
    assertEquals(expected, String.join(",", weights.stream().map(String::valueOf).toList()));
    assertEquals(weights, SharedLayers.of(weights).orElseThrow().weights());
  }

  @Test
  void layersThatNoGroupingGives() {
    assertEquals(Optional.empty(), SharedLayers.of(List.of(0, 0, 0, 1)));
    assertEquals(Optional.empty(), SharedLayers.of(List.of(0, 1, 1, 0)));
  }

  /** The rule of the card: own buckets up to 7, then logarithmic, behind the query 16 more. */
  @Test
  void bucketsOfDistances() {
    final RelativeBias bias = new RelativeBias(32, 128);
    for (int n = 0; n < 200; n++) {
      final int expected =
          n < 8
              ? n
              : Math.min(15, 8 + (int) Math.floor(8 * Math.log(n / 8.0) / Math.log(16) + 1e-9));
      assertEquals(expected, bias.bucket(-n), "-" + n);
      assertEquals(n == 0 ? 0 : expected + 16, bias.bucket(n), "" + n);
    }
  }

  @Test
  void badValuesOfTheFamiliesKeysAreNamed() throws IOException {
    final Path albert = edited("albert", c -> c.put("num_hidden_groups", 5));
    Cases.refused(() -> read(albert), "'num_hidden_groups' is 5", "num_hidden_layers");
    final Path mpnet = edited("mpnet", c -> c.put("relative_attention_num_buckets", 64));
    Cases.refused(() -> read(mpnet), "'relative_attention_num_buckets' is 64", "32");
    final Path distilbert = edited("distilbert", c -> c.remove("dim"));
    Cases.refused(() -> read(distilbert), "'dim' is missing");
    final Path roberta = edited("roberta", c -> c.put("pad_token_id", 30));
    Cases.refused(() -> read(roberta), "'max_position_embeddings' is 31", "pad_token_id 30");
    final Path electra = edited("electra", c -> c.put("embedding_size", 12));
    Cases.refused(
        () -> read(electra), "'electra.embeddings_project.weight' is [18, 11]", "[18, 12]");
  }

  /** Old files of RoBERTa carry the pooler of the base model beside the head's own dense layer. */
  @Test
  void aPoolerBesideTheHeadIsLeftOut() throws IOException {
    final Checkpoint model = read(heads("roberta").resolve("seqcls"));
    final Path folder = Cases.copy(heads("roberta").resolve("seqcls"), temp.resolve("old"));
    final Map<String, INDArray> tensors = new TreeMap<>();
    model
        .parameters()
        .forEach((name, array) -> tensors.put(HuggingFaceFiles.storedName(model, name), array));
    tensors.put("roberta.pooler.dense.weight", tensors.get("classifier.dense.weight").mul(2));
    tensors.put("roberta.pooler.dense.bias", tensors.get("classifier.dense.bias").mul(2));
    Files.delete(folder.resolve("model.safetensors"));
    write(folder, tensors);
    final List<String> messages = new ArrayList<>();
    final Checkpoint again =
        HuggingFaceFolder.read(folder, new HuggingFaceFolderTest.Recorder(messages));
    assertEquals(
        model.parameters().get("pooler.dense.weight"),
        again.parameters().get("pooler.dense.weight"));
    assertTrue(messages.get(0).contains("roberta.pooler.dense.bias"), messages.toString());
  }

  /** A BERT's text is what keys of saved results were made of before there were other families. */
  @Test
  void theTextOfABertStays() {
    final Architecture bert = read(Cases.folder("encoders/bert-heads/regression")).architecture();
    assertEquals(
        "Architecture[modelType=bert, vocabularySize=47, positions=29, tokenTypes=2, hiddenSize=18,"
            + " headSize=9, layers=[LayerShape[heads=2, ffnWidth=23], LayerShape[heads=2,"
            + " ffnWidth=23]], activation=GELU_ERF, normPlacement=POST, positionScheme=LEARNED,"
            + " layerNormEps=1.0E-12, padTokenId=0, pooler=true]",
        bert.toString());
    final Architecture albert = read(heads("albert").resolve("seqcls")).architecture();
    assertTrue(albert.toString().contains("layerWeights=[0, 0"), albert.toString());
  }

  @Test
  void impossibleArchitecturesAreRefused() {
    final Architecture albert = read(heads("albert").resolve("seqcls")).architecture();
    assertArrayEquals(
        new long[] {15, 13},
        EncoderParameters.shapes(albert, Optional.empty()).get("embeddings.projection.weight"));
    assertThrows(IllegalArgumentException.class, () -> new RelativeBias(30, 128));
    assertThrows(IllegalArgumentException.class, () -> new RelativeBias(32, 8));
    for (final List<Integer> weights : List.of(List.of(1, 0), List.of(0), List.of(0, 2))) {
      assertThrows(IllegalArgumentException.class, () -> sharing(albert, weights), "" + weights);
    }
    assertEquals(2, sharing(albert, List.of(0, 1)).storedLayers());
    assertEquals(1, albert.withFirstLayers(1).layers().size());
  }

  private static Architecture sharing(Architecture a, List<Integer> weights) {
    return new Architecture(
        a.modelType(),
        a.vocabularySize(),
        a.positions(),
        a.tokenTypes(),
        a.hiddenSize(),
        a.headSize(),
        a.layers().subList(0, 2),
        a.activation(),
        a.normPlacement(),
        a.positionScheme(),
        a.layerNormEps(),
        a.padTokenId(),
        a.pooler(),
        a.poolerActivation(),
        a.embeddings(),
        weights,
        a.relativeBias());
  }

  private Path edited(String family, Consumer<ObjectNode> change) throws IOException {
    final Path folder =
        Cases.copy(
            heads(family).resolve("seqcls"), Files.createTempDirectory(temp, "m").resolve("m"));
    final Path config = folder.resolve("config.json");
    final ObjectNode json = (ObjectNode) Cases.json(config);
    change.accept(json);
    Files.write(config, new ObjectMapper().writeValueAsBytes(json));
    return folder;
  }

  private static void write(Path folder, Map<String, INDArray> tensors) {
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    tensors.forEach((name, array) -> writer.add(name, SafetensorsType.F32, array));
    writer.write(folder.resolve("model.safetensors"));
  }
}
