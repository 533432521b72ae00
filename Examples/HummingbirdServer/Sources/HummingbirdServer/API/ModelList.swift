// The answer of GET /v1/models.

struct ModelList: Encodable {
    struct Model: Encodable {
        var id: String
        var object = "model"
        /// Seconds since 1970 at which the server started.
        var created: Int
        var ownedBy = "simulation"

        private enum CodingKeys: String, CodingKey {
            case id, object, created
            case ownedBy = "owned_by"
        }
    }

    var object = "list"
    var data: [Model]
}
