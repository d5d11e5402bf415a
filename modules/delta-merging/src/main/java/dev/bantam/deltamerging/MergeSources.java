package dev.bantam.deltamerging;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Where the models of a recipe are, and what the output is to look like.
 *
 * @param base folder of the base model, where the recipe has one
 * @param models folders of the recipe's models, in its order
 * @param heads what becomes of heads
 * @param attached name of the model whose head the output gets, for {@link Heads#ATTACH}
 * @param tokenizer name of the model whose tokenizer the output gets; the base's or the first's if
 *     empty
 * @param outDtype number format of the output; that of the arithmetic if empty
 * @param shardBytes largest file of tensors, unless one tensor alone is larger
 */
public record MergeSources(
    Optional<Folder> base,
    List<Folder> models,
    Heads heads,
    Optional<String> attached,
    Optional<String> tokenizer,
    Optional<Precision> outDtype,
    long shardBytes) {

  /** Size of a file of tensors if nothing else is asked for: 5 GB, as usual. */
  public static final long SHARD_BYTES = 5_000_000_000L;

  /** What becomes of the heads of the models. */
  public enum Heads {
    /** Merged if all models have the same ones, in names, shapes and labels; else kept apart. */
    AUTO,
    /** Merged like any other tensor. */
    MERGE,
    /** Each model's head goes to a folder of its own. */
    APART,
    /** As APART, and one of them also belongs to the merged model. */
    ATTACH
  }

  /**
   * A model folder.
   *
   * @param name as in the recipe
   * @param path a folder in Hugging Face layout
   * @param statistics a safetensors file with what {@code fisher} or {@code regmean} needs
   */
  public record Folder(String name, Path path, Optional<Path> statistics) {
    public Folder {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(path, "path");
      Objects.requireNonNull(statistics, "statistics");
    }
  }

  public MergeSources {
    models = List.copyOf(models);
    if (shardBytes < 1) {
      throw new IllegalArgumentException("Files of " + shardBytes + " bytes hold nothing");
    }
  }

  /** Folders with the defaults for everything else. */
  public static MergeSources of(Optional<Folder> base, List<Folder> models) {
    return new MergeSources(
        base,
        models,
        Heads.AUTO,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        SHARD_BYTES);
  }
}
