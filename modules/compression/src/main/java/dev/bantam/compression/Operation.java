package dev.bantam.compression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.model.EncoderModel;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Something that a compressed model does at run time besides multiplying with its weights: it
 * rounds an activation, applies an affine map to a residual, attends in another way. An operation
 * belongs to one place of the encoder, is stored with the weights, and is put back wherever the
 * model is opened, so that a file is evaluated as it is used.
 *
 * <p>A place is the name of a {@link dev.bantam.model.Site} (transforms), of a matrix (operators),
 * {@code layer.<i>.attention} (attention strategies) or {@code layer.<i>.ffn} (FFN activations),
 * and has one operation at most.
 */
public interface Operation {
  /** Name of the kind in files, lower case with hyphens; its {@link OperationFormat} decodes it. */
  String kind();

  /** All settings, as texts for JSON; an operation decoded from them computes the same bits. */
  Map<String, String> attributes();

  /**
   * Own float32 tensors by name (lower case with underscores), in a fixed order. If they are
   * trainable, these are the live ones that the attached object lists as its parameters.
   */
  default Map<String, INDArray> tensors() {
    return Map.of();
  }

  /**
   * Puts the operation on a model.
   *
   * @param place a name as above
   * @throws IllegalArgumentException if the model has no such place, or it has another shape
   */
  void attach(EncoderModel model, String place);

  /** What an operation needs of a format that is to hold it. */
  enum Effect {
    /** An affine map of each channel of a site: {@link SiteMap.Affine}. */
    AFFINE,
    /** Rounding at a site to codes of one fixed scale: {@link SiteMap.Rounded}. */
    FIXED_ROUNDING,
    /** Something that only Bantam's own files hold. */
    OTHER
  }

  /** What it does to the values at its site, if other formats have words for it. */
  default Optional<SiteMap> siteMap() {
    return Optional.empty();
  }

  /** What it needs of a format. */
  default Effect effect() {
    return siteMap().map(SiteMap::effect).orElse(Effect.OTHER);
  }

  /** What a file holds of the operation. */
  default StoredOperation stored() {
    return new StoredOperation(kind(), attributes(), tensors());
  }
}
